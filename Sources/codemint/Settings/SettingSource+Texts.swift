extension SettingSource {
  /// What a flag of the command said.
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
  /// `LoadCredential=`). A line break at the end is an editor's and is taken off. An empty file
  /// counts as not given: the unit file sets empty credentials, so that a file that is missing in
  /// /etc/codemint ends in codemint's own message and not in systemd's.
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
        // Bytes that are not UTF-8 become a character that the check of the value refuses.
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
