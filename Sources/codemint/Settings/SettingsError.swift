/// Why codemint does not start: everything that is wrong with its settings.
struct SettingsError: Error, Equatable, CustomStringConvertible {
  /// One problem of one setting.
  struct Problem: Equatable, Sendable, CustomStringConvertible {
    /// The setting's path, or the unknown name.
    let name: String
    /// The source of the value.
    let origin: Origin
    /// What is wrong and what would be right. It never shows the value of a secret.
    let rule: String

    var description: String { "\(name) (\(origin)): \(rule)" }
  }

  /// At least one.
  let problems: [Problem]

  /// A heading, then a line for each problem.
  var description: String {
    let lines = problems.map { "\n  \($0)" }.joined()
    return problems.count == 1 ? "wrong setting:\(lines)" : "wrong settings:\(lines)"
  }
}

/// The source of a value, for messages.
enum Origin: Sendable, Equatable, CustomStringConvertible {
  /// A flag of the command, such as `--burst`.
  case flag(String)
  /// The environment.
  case environment(name: String)
  /// A file in `$CREDENTIALS_DIRECTORY`, put there by systemd.
  case credential(file: String)
  /// The YAML file.
  case file(String, line: Int?)
  /// The default.
  case standard

  var description: String {
    switch self {
    case .flag(let name): "the flag \(name)"
    case .environment(let name): "\(name) in the environment"
    case .credential(let file): "the credential \(file)"
    case .file(let path, let line?): "\(path), line \(line)"
    case .file(let path, nil): path
    case .standard: "the default"
    }
  }
}

/// Finds the known name that is nearest to a misspelt one.
enum Spelling {
  /// A question to append to a message, or an empty text if no known name is near.
  static func hint(for name: String, among known: [String]) -> String {
    let nearest = known.map { (name: $0, distance: distance(name, $0)) }
      .min { ($0.distance, $0.name) < ($1.distance, $1.name) }
    guard let nearest, nearest.distance <= max(2, name.count / 4) else { return "" }
    return "; did you mean \(nearest.name)?"
  }

  /// How many letters must be added, removed or changed to turn one text into the other (the
  /// Levenshtein distance, computed row by row).
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
