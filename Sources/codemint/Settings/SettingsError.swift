/// Why codemint does not start: everything that is wrong with its settings, at once.
struct SettingsError: Error, Equatable, CustomStringConvertible {
  /// One thing that is wrong.
  struct Problem: Equatable, Sendable, CustomStringConvertible {
    /// The setting's path, or the name that is not known.
    let name: String
    /// Where it stands.
    let origin: Origin
    /// What is wrong and what is right; shows a value only if it is not a secret.
    let rule: String

    var description: String { "\(name) (\(origin)): \(rule)" }
  }

  /// At least one.
  let problems: [Problem]

  /// A line for each problem, after one that says what they are.
  var description: String {
    let lines = problems.map { "\n  \($0)" }.joined()
    return problems.count == 1 ? "wrong setting:\(lines)" : "wrong settings:\(lines)"
  }
}
