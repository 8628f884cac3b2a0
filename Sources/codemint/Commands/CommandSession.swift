import ArgumentParser
import Foundation
import Ledger
import Postgres
import Provisioning

/// The flag that every command with settings takes. Secrets have no flags, because every user of the
/// machine can read a command line.
struct SettingsOptions: ParsableArguments {
  @Option(
    help: "The settings file; /etc/codemint/codemint.yaml if it exists.",
    completion: .file(extensions: ["yaml", "yml"])
  )
  var config: String?

  /// The settings from all sources. The values of flags in `more` win over every other source.
  func load(_ more: [Setting: SettingSource.Override] = [:]) throws(SettingsError) -> Settings {
    try Settings.load(
      overrides: more,
      environment: ProcessInfo.processInfo.environment,
      configFile: configFile
    )
  }

  /// The settings for a command that needs nothing but the database. What is wrong with others is said in one
  /// line: who looks after a fleet at night need not mend them first.
  func loadDatabase() throws(SettingsError) -> Settings {
    let reading = read()
    guard reading.knowsDatabase else { throw SettingsError(problems: reading.problems) }
    if let first = reading.problems.first {
      let others = reading.problems.count - 1
      Complaint.say(
        "codemint: no daemon starts with these settings: \(first)"
          + (others > 0 ? "; and \(others) more, see codemint doctor" : "")
      )
    }
    return reading.settings
  }

  /// The settings as far as they can be read, and everything that is wrong with them.
  func read() -> SettingsReading {
    Settings.read(environment: ProcessInfo.processInfo.environment, configFile: configFile)
  }

  private var configFile: SettingSource.Override? {
    config.map { .init(flag: "--config", text: $0) }
  }
}

extension UniqueID {
  /// An id on the command line. Every command refuses one that is no UUID in the same way.
  ///
  /// - Parameter name: What it is the id of.
  /// - Throws: `CommandError` that names it.
  init(argument text: String, of name: String) throws(CommandError) {
    guard let id = UniqueID(text) else {
      throw CommandError(.usage, "\(name) must be a UUID, not \"\(text)\"")
    }
    self = id
  }
}

/// A short session with the ledger, for commands that insert, show or steer jobs.
enum JobSession {
  /// Opens a session, runs `body`, and closes the session.
  ///
  /// - Throws: What `body` throws; a `CommandError` that says to migrate if there is no schema.
  static func run<Value>(
    _ settings: Settings,
    _ body: (JobQueries) async throws -> Value
  ) async throws -> Value {
    let pool = Pool(try settings.connectionSettings(), limit: 1)
    do {
      let value = try await body(JobQueries(pool: pool))
      await pool.close()
      return value
    } catch {
      await pool.close()
      throw explained(error, settings)
    }
  }

  /// The error, or if there is no schema one that says to migrate, or if the login lacks a role or nothing names the
  /// database one that says so.
  static func explained(_ error: any Error, _ settings: Settings) -> any Error {
    if let error = error as? PostgresError, error.code == .connectFailed,
      settings.database.url == nil
    {
      return CommandError(
        Failure.status(of: error),
        error.words,
        remedy: """
          no setting names the database: set \(Setting.databaseURL.environmentName), or \(Setting.databaseURL.rawValue) in \
          the settings file
          """
      )
    }
    switch (error as? PostgresError)?.sqlState {
    case "42P01", "3F000":
      return CommandError(.config, SchemaState.behind(missing: Schema.current.migrations).remedy)
    case "42501":
      return CommandError(
        .noPermission,
        "the login has no role that may do this (\(error))",
        remedy: "docs/commands.md says which role a command needs"
      )
    default: return error
    }
  }
}
