import Testing

@testable import codemint

/// Loads settings from texts alone, never from this machine's own files and environment.
enum Loading {
  static let nowhere = "/nonexistent/codemint.yaml"

  static func settings(
    flags: [Setting: SettingSource.Override] = [:],
    environment: [String: String] = [:],
    yaml: String? = nil
  ) throws -> Settings {
    let scratch = try Scratch()
    return try Settings.load(
      overrides: flags,
      environment: environment,
      standardFile: yaml.map { try scratch.file("codemint.yaml", $0) } ?? nowhere
    )
  }

  /// What is wrong with the settings; an issue if nothing is.
  static func problems(
    flags: [Setting: SettingSource.Override] = [:],
    environment: [String: String] = [:],
    yaml: String? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> [SettingsError.Problem] {
    do {
      _ = try settings(flags: flags, environment: environment, yaml: yaml)
      Issue.record("these settings are accepted", sourceLocation: sourceLocation)
      return []
    } catch let error as SettingsError {
      return error.problems
    }
  }
}
