import ArgumentParser
import Foundation
import Logging

/// The flags that every command with settings takes. Secrets have none: a command line can be read
/// by every user of the machine.
struct SettingsOptions: ParsableArguments {
  @Option(
    help: "The settings file; /etc/codemint/codemint.yaml if it exists.",
    completion: .file(extensions: ["yaml", "yml"])
  )
  var config: String?

  @Option(
    help: "How much is logged: trace, debug, info, notice, warning, error or critical.",
    completion: .list(Logger.Level.allCases.map(\.rawValue))
  )
  var logLevel: String?

  @Option(
    help: "How log lines look: auto, text, json or journal.",
    completion: .list(LogFormat.allCases.map(\.rawValue))
  )
  var logFormat: String?

  /// The settings with these flags on top of everything else.
  func load(_ more: [Setting: SettingSource.Override] = [:]) throws(SettingsError) -> Settings {
    var overrides = more
    overrides[.logLevel] = logLevel.map { .init(flag: "--log-level", text: $0) }
    overrides[.logFormat] = logFormat.map { .init(flag: "--log-format", text: $0) }
    return try Settings.load(
      overrides: overrides,
      environment: ProcessInfo.processInfo.environment,
      configFile: config.map { .init(flag: "--config", text: $0) }
    )
  }
}
