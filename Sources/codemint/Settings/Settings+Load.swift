import Provisioning

extension Settings {
  /// Reads all sources. Highest first, they are: flags, environment, systemd credentials, file.
  ///
  /// - Parameters:
  ///   - overrides: The flags of the command.
  ///   - environment: The environment of the process.
  ///   - configFile: The file that a flag names. Without the flag, `CODEMINT_CONFIG` names the file.
  ///     A file that is named must exist.
  ///   - standardFile: The file to read if none is named; it need not exist.
  /// - Throws: `SettingsError` with every problem.
  static func load(
    overrides: [Setting: SettingSource.Override] = [:],
    environment: [String: String],
    configFile: SettingSource.Override? = nil,
    standardFile: String = SettingsFile.standardPath
  ) throws(SettingsError) -> Settings {
    let reading = read(
      overrides: overrides,
      environment: environment,
      configFile: configFile,
      standardFile: standardFile
    )
    guard reading.problems.isEmpty else { throw SettingsError(problems: reading.problems) }
    return reading.settings
  }

  /// The same for callers that report the problems and continue with the rest.
  static func read(
    overrides: [Setting: SettingSource.Override] = [:],
    environment: [String: String],
    configFile: SettingSource.Override? = nil,
    standardFile: String = SettingsFile.standardPath
  ) -> SettingsReading {
    var problems = EnvironmentNames.unknown(in: environment)
    let file = Self.file(environment, configFile, standardFile)
    problems += file.problems
    let credentials = SettingSource.credentials(environment, problems: &problems)
    var reader = SettingsReader(sources: [
      .flags(overrides), .environment(environment), credentials, file.source,
    ])
    reader.problems = problems
    var settings = Settings()
    settings.read(&reader)
    settings.checkRelations(&reader, environment)
    settings.origins = reader.origins
    return SettingsReading(
      settings: settings,
      problems: reader.problems,
      unreadFile: file.isRead ? nil : file.path
    )
  }

  private static func file(
    _ environment: [String: String],
    _ configFile: SettingSource.Override?,
    _ standardFile: String
  ) -> SettingsFile {
    if let configFile {
      return SettingsFile(configFile.text, named: .flag(configFile.flag))
    }
    if let path = environment[EnvironmentNames.configFile] {
      return SettingsFile(path, named: .environment(name: EnvironmentNames.configFile))
    }
    return SettingsFile(standardFile, named: nil)
  }

  private func checkRelations(_ reader: inout SettingsReader, _ environment: [String: String]) {
    if limits.maxInFlightPerReward > limits.maxInFlight {
      reader.refuse(
        .maxInFlightPerReward,
        because: """
          \(limits.maxInFlightPerReward) is more than \(Setting.maxInFlight.rawValue), which is \
          \(limits.maxInFlight) (\(reader.origin(.maxInFlight))); one reward cannot have more calls in \
          flight than all rewards together
          """
      )
    }
    if sync.rules.longest < sync.rules.first {
      reader.refuse(
        .syncLongest,
        because: """
          \(Setting.plain(sync.rules.longest.seconds)) seconds are less than \
          \(Setting.syncFirst.rawValue), which is \(Setting.plain(sync.rules.first.seconds)) \
          (\(reader.origin(.syncFirst))); the pauses grow from the first to the longest
          """
      )
    }
    // systemd must end a worker that hangs before its lease is over (protocol, rule 19).
    if let watchdog = ServiceManager(environment: environment).watchdog, watchdog >= lease {
      reader.refuse(
        .lease,
        because: """
          \(Setting.plain(lease.seconds)) seconds are not longer than WatchdogSec in the unit \
          file, which is \(Setting.plain(watchdog.seconds)) seconds; systemd must end a daemon \
          that hangs before its lease is over
          """
      )
    }
    if webhooks.rules.longest < webhooks.rules.first {
      reader.refuse(
        .webhookLongest,
        because: """
          \(Setting.plain(webhooks.rules.longest.seconds)) seconds are less than \
          \(Setting.webhookFirst.rawValue), which is \(Setting.plain(webhooks.rules.first.seconds)) \
          (\(reader.origin(.webhookFirst))); the pauses grow from the first to the longest
          """
      )
    }
    for (setting, file) in [(Setting.apiCAFile, api.caFile), (.webhookCAFile, webhooks.caFile)] {
      if let file, !FileReading.isReadable(file) {
        reader.refuse(setting, because: "the file \(file) does not exist or cannot be read")
      }
    }
  }
}

/// The settings that could be read, and the problems of the rest.
struct SettingsReading {
  /// The settings. A wrong value is replaced by the value of the next lower source or the default.
  let settings: Settings
  /// Empty if codemint may start.
  let problems: [SettingsError.Problem]
  /// The settings file if it could not be read at all.
  let unreadFile: String?

  /// Whether it is known which database is meant, whatever else is wrong.
  var knowsDatabase: Bool {
    (unreadFile == nil || settings.origins[.databaseURL] != nil)
      && problems.allSatisfy { $0.name == unreadFile || Setting.isApartFromDatabase($0.name) }
  }

  /// Why the intended value of a setting is unknown; nil if it is known.
  func whyUnknown(_ setting: Setting) -> String? {
    if problems.contains(where: { $0.name == setting.rawValue }) {
      return "\(setting.rawValue) is wrong"
    }
    guard let unreadFile, settings.origins[setting] == nil else { return nil }
    return "\(setting.rawValue) may be in \(unreadFile), which cannot be read"
  }
}
