import Configuration

/// One source of settings: flags, environment, credentials or file.
struct SettingSource: Sendable {
  /// The settings that this source gives, with their exact places.
  let origins: [Setting: Origin]
  private let snapshot: any ConfigSnapshot
  /// Lists of the file, as YAML; the snapshot does not hold them.
  private let lists: [Setting: String]
  private let prefix: [String]

  /// A source of texts: flags, environment or credentials.
  init(texts: [Setting: (text: String, origin: Origin)]) {
    let named = texts.map { ($0.key.environmentName, $0.value.text) }
    origins = texts.mapValues(\.origin)
    snapshot = EnvironmentVariablesProvider(
      environmentVariables: Dictionary(named, uniquingKeysWith: { first, _ in first }),
      secretsSpecifier: .all
    ).snapshot()
    prefix = ["codemint"]
    lists = [:]
  }

  /// The source for a YAML file, with the line of each setting, and with lists as YAML.
  init(file: YAMLSnapshot, path: String, lines: [Setting: Int?], lists: [Setting: String]) {
    self.lists = lists
    origins = lines.mapValues { .file(path, line: $0) }
    snapshot = file
    prefix = []
  }

  /// The value as text, of any type.
  func text(_ setting: Setting) -> String? {
    if let list = lists[setting] { return list }
    guard case .string(let text) = content(setting, .string) else { return nil }
    return text
  }

  /// The value as a whole number; nil if it is something else.
  func whole(_ setting: Setting) -> Int? {
    guard case .int(let number) = content(setting, .int) else { return nil }
    return number
  }

  /// The value as a number; nil if it is something else.
  func number(_ setting: Setting) -> Double? {
    guard case .double(let number) = content(setting, .double) else { return nil }
    return number
  }

  /// The value as true or false; nil if it is something else.
  func flag(_ setting: Setting) -> Bool? {
    guard case .bool(let flag) = content(setting, .bool) else { return nil }
    return flag
  }

  /// The value, or nil if it has another type. The getters of swift-configuration would use the
  /// default for a value of the wrong type, so this asks the snapshot itself.
  private func content(_ setting: Setting, _ type: ConfigType) -> ConfigContent? {
    guard origins[setting] != nil else { return nil }
    let key = AbsoluteConfigKey(prefix + setting.path)
    return (try? snapshot.value(forKey: key, type: type))?.value?.content
  }
}

extension SettingSource {
  /// The value of a flag.
  struct Override: Sendable, Equatable {
    /// The flag, such as `--burst`, for messages.
    let flag: String
    let text: String
  }

  static func flags(_ overrides: [Setting: Override]) -> SettingSource {
    SettingSource(texts: overrides.mapValues { ($0.text, .flag($0.flag)) })
  }

  static func environment(_ environment: [String: String]) -> SettingSource {
    let given = Setting.allCases.compactMap { setting in
      environment[setting.environmentName].map {
        (setting, (text: $0, origin: Origin.environment(name: setting.environmentName)))
      }
    }
    return SettingSource(texts: Dictionary(given, uniquingKeysWith: { first, _ in first }))
  }

  /// The secrets that systemd passes as files in `$CREDENTIALS_DIRECTORY` (systemd.exec(5),
  /// `LoadCredential=`).
  ///
  /// A line break at the end comes from an editor and is removed. An empty file counts as not given:
  /// the unit file sets empty credentials, so that codemint, not systemd, reports a missing file.
  static func credentials(
    _ environment: [String: String],
    problems: inout [SettingsError.Problem]
  ) -> SettingSource {
    var texts: [Setting: (text: String, origin: Origin)] = [:]
    guard let directory = environment["CREDENTIALS_DIRECTORY"], !directory.isEmpty else {
      return SettingSource(texts: texts)
    }
    for setting in Setting.allCases {
      guard let name = setting.credentialName else { continue }
      let file = "\(directory)/\(name)"
      do throws(FileReading.Failure) {
        var bytes = try FileReading.bytes(file)[...]
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard !bytes.isEmpty else { continue }
        // Bytes that are not UTF-8 become a character that the check of the value refuses (U+FFFD).
        let text = String(decoding: bytes, as: UTF8.self)
        texts[setting] = (text, .credential(file: file))
      } catch {
        guard case .unreadable(let reason) = error else { continue }
        problems.append(
          SettingsError.Problem(
            name: setting.rawValue,
            origin: .credential(file: file),
            rule: "the file cannot be read: \(reason)"
          )
        )
      }
    }
    return SettingSource(texts: texts)
  }
}
