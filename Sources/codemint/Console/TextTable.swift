/// A table for people. Each column is as wide as its widest cell, and each row is one line.
struct TextTable {
  /// The side to which a column's text is aligned.
  enum Alignment {
    case left, right
  }

  private let heads: [(title: String, alignment: Alignment)]
  private var rows: [[String]] = []
  private var tints: [[Palette.Tint?]] = []

  init(_ heads: [(String, Alignment)]) {
    self.heads = heads
  }

  /// - Parameter tints: The colours of the first cells.
  mutating func add(_ row: [String], tints: [Palette.Tint?] = []) {
    precondition(row.count == heads.count, "a row has a cell for each column")
    rows.append(row.map(\.onOneLine))
    self.tints.append(tints + Array(repeating: nil, count: row.count - tints.count))
  }

  /// The lines, the heads first, without trailing blanks.
  var lines: [String] { lines(Palette(isOn: false)) }

  /// The same in colours.
  func lines(_ palette: Palette) -> [String] {
    let widths = heads.indices.map { column in
      max(heads[column].title.count, rows.map { $0[column].count }.max() ?? 0)
    }
    let heading: [Palette.Tint?] = Array(repeating: .quiet, count: heads.count)
    return zip([heads.map(\.title)] + rows, [heading] + tints).map { row, tints in
      // Nothing follows the last cell that has a text, so it is not padded on the right.
      let last = row.lastIndex { !$0.isEmpty } ?? 0
      return row.indices.prefix(last + 1).map { column in
        let blanks = String(repeating: " ", count: widths[column] - row[column].count)
        let text = palette.paint(row[column], tints[column])
        return switch heads[column].alignment {
        case .left: column == last ? text : text + blanks
        case .right: blanks + text
        }
      }.joined(separator: "  ")
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
