/// Finds what somebody who misspelt a name most likely meant.
enum Spelling {
  /// A question to append to a message, or nothing if no known name is near.
  static func hint(for name: String, among known: [String]) -> String {
    let nearest = known.map { (name: $0, distance: distance(name, $0)) }
      .min { ($0.distance, $0.name) < ($1.distance, $1.name) }
    guard let nearest, nearest.distance <= max(2, name.count / 4) else { return "" }
    return "; did you mean \(nearest.name)?"
  }

  /// How many letters must be added, removed or changed to make one text of the other
  /// (Levenshtein distance), by the row-at-a-time form of the usual table.
  static func distance(_ left: String, _ right: String) -> Int {
    let right = Array(right)
    var row = Array(0...right.count)
    for (line, letter) in left.enumerated() {
      var diagonal = row[0]
      row[0] = line + 1
      for column in right.indices {
        let change = diagonal + (letter == right[column] ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(change, row[column] + 1, diagonal + 1)
      }
    }
    return row[right.count]
  }
}
