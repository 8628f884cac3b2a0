/// A table for people: columns as wide as they need to be, numbers to the right, a row a line.
struct TextTable {
  /// Where a column's text stands.
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

  /// The lines, heads first, without blanks at their ends.
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
