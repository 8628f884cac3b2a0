import Configuration

/// One place that settings are read from.
struct SettingSource: Sendable {
  /// The settings that are given here, and where exactly.
  let origins: [Setting: Origin]
  private let snapshot: any ConfigSnapshot
  private let prefix: [String]

  /// Texts by setting, as flags, environment and credentials give them.
  init(texts: [Setting: (text: String, origin: Origin)]) {
    let named = texts.map { ($0.key.environmentName, $0.value.text) }
    origins = texts.mapValues(\.origin)
    snapshot = EnvironmentVariablesProvider(
      environmentVariables: Dictionary(named, uniquingKeysWith: { first, _ in first }),
      secretsSpecifier: .all
    ).snapshot()
    prefix = ["codemint"]
  }

  /// The values of a YAML file, with the lines on which they stand.
  init(file: YAMLSnapshot, path: String, lines: [Setting: Int?]) {
    origins = lines.mapValues { .file(path, line: $0) }
    snapshot = file
    prefix = []
  }

  /// The value as text, whatever its type.
  func text(_ setting: Setting) -> String? {
    guard case .string(let text) = content(setting, .string) else { return nil }
    return text
  }

  /// The value as a whole number; nil if it is none.
  func whole(_ setting: Setting) -> Int? {
    guard case .int(let number) = content(setting, .int) else { return nil }
    return number
  }

  /// The value as a number; nil if it is none.
  func number(_ setting: Setting) -> Double? {
    guard case .double(let number) = content(setting, .double) else { return nil }
    return number
  }

  /// The value as true or false; nil if it is neither.
  func flag(_ setting: Setting) -> Bool? {
    guard case .bool(let flag) = content(setting, .bool) else { return nil }
    return flag
  }

  /// Asks the snapshot itself: it throws where a value has the wrong type, while the getters with
  /// a default take the default instead. Which rule was broken is said by the caller, who knows.
  private func content(_ setting: Setting, _ type: ConfigType) -> ConfigContent? {
    guard origins[setting] != nil else { return nil }
    let key = AbsoluteConfigKey(prefix + setting.path)
    return (try? snapshot.value(forKey: key, type: type))?.value?.content
  }
}
