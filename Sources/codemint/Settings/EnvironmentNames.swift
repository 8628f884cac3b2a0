/// The names in the environment that begin with `CODEMINT_`.
enum EnvironmentNames {
  static let prefix = "CODEMINT_"
  /// Names the YAML file; the only name that is not a setting.
  static let configFile = "CODEMINT_CONFIG"

  /// A problem for each name that means nothing here: most likely a setting that was misspelt and
  /// would silently have no effect.
  static func unknown(in environment: [String: String]) -> [SettingsError.Problem] {
    let known = Setting.allCases.map(\.environmentName) + [configFile]
    let strangers = Set(environment.keys.filter { $0.hasPrefix(prefix) }).subtracting(known)
    return strangers.sorted().map { name in
      SettingsError.Problem(
        name: name,
        origin: .environment(name: name),
        rule: "there is no such setting" + Spelling.hint(for: name, among: known)
      )
    }
  }
}
