import ArgumentParser
import Foundation

/// The flag that every command with settings takes. Secrets have none: a command line can be read
/// by every user of the machine.
struct SettingsOptions: ParsableArguments {
  @Option(
    help: "The settings file; /etc/codemint/codemint.yaml if it exists.",
    completion: .file(extensions: ["yaml", "yml"])
  )
  var config: String?

  /// The settings of that file, with these flags on top of everything else.
  func load(_ more: [Setting: SettingSource.Override] = [:]) throws(SettingsError) -> Settings {
    try Settings.load(
      overrides: more,
      environment: ProcessInfo.processInfo.environment,
      configFile: configFile
    )
  }

  /// What of that can be read, with what is wrong.
  func read() -> SettingsReading {
    Settings.read(environment: ProcessInfo.processInfo.environment, configFile: configFile)
  }

  private var configFile: SettingSource.Override? {
    config.map { .init(flag: "--config", text: $0) }
  }
}
