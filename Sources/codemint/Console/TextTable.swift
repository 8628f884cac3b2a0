/// A table for people. Each column is as wide as its widest cell, and each row is one line.
struct TextTable {
  /// The side to which a column's text is aligned.
  enum Alignment {
    case left, right
  }

  private let heads: [(title: String, alignment: Alignment)]
  private var rows: [[String]] = []

  init(_ heads: [(String, Alignment)]) {
    self.heads = heads
  }

  mutating func add(_ row: [String]) {
    precondition(row.count == heads.count, "a row has a cell for each column")
    rows.append(row.map(\.onOneLine))
  }

  /// The lines, the heads first, without trailing blanks.
  var lines: [String] {
    let widths = heads.indices.map { column in
      max(heads[column].title.count, rows.map { $0[column].count }.max() ?? 0)
    }
    return ([heads.map(\.title)] + rows).map { row in
      let cells = row.indices.map { column in
        pad(row[column], to: widths[column], heads[column].alignment)
      }
      let line = cells.joined(separator: "  ")
      return String(line.reversed().drop { $0 == " " }.reversed())
    }
  }

  private func pad(_ text: String, to width: Int, _ alignment: Alignment) -> String {
    let blanks = String(repeating: " ", count: width - text.count)
    return switch alignment {
    case .left: text + blanks
    case .right: blanks + text
    }
  }
}

extension String {
  /// The text on one line, for a cell of a table. Lines are joined, because messages of libpq have
  /// several, and control characters are escaped, because they could move a terminal's cursor.
  var onOneLine: String {
    var whole = ""
    for line in split(whereSeparator: \.isNewline) {
      let text = line.drop(while: \.isWhitespace)
      guard !text.isEmpty else { continue }
      if let last = whole.last { whole += last == ":" ? " " : "; " }
      whole += text
    }
    return Escaping.plain(whole)
  }
}
