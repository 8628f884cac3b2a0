import ArgumentParser
import Ledger
import Postgres

/// `codemint migrate`: creates or updates the schema.
struct MigrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate",
    abstract: "Creates the schema and its roles, or brings them up to date.",
    discussion: """
      It may run at any time, and on any number of hosts at once; what is already applied stays as it \
      is. Each migration is one transaction. If the login may not create roles, it prints the \
      statements that an administrator has to run.
      """
  )

  @OptionGroup var options: SettingsOptions

  @Flag(help: "Change nothing, and end with status 1 if the schema is not up to date.")
  var check = false

  @Flag(
    help:
      "Change nothing and connect to nothing; print the SQL of every migration and of the roles."
  )
  var print = false

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    guard [check, print].count(where: \.self) + (print && json ? 1 : 0) < 2 else {
      throw ValidationError("--print cannot be combined with --check or --json")
    }
  }

  func run() async throws {
    let output = FileDescriptor.standardOutput
    if print {
      for migration in Migration.all {
        output.line("-- migration \(migration.number): \(migration.name)\n\(migration.sql)")
      }
      output.line("-- roles\n\(RoleSetup.script)")
      return
    }
    let settings = try options.load()
    let connection = try await Connection.open(settings.migrationSettings())
    if check {
      let state = try await Migrator(connection).state()
      await connection.close()
      try show(Report(state: state.remedy, current: state == .current, applied: []))
      if state != .current { throw ExitCode(ExitStatus.failed.rawValue) }
      return
    }
    let applied = try await Migrator(connection).migrate { migration in
      if !json { output.line("applying migration \(migration.number): \(migration.name)") }
    }
    let roles = try await RoleSetup(connection).apply()
    await connection.close()
    let state =
      applied.isEmpty
      ? "the schema is up to date" : "the schema is up to date, \(applied.count) applied"
    try show(Report(state: state, current: true, applied: applied.map(\.number)))
    if let notice = roles.notice { FileDescriptor.standardError.line(notice) }
  }

  private func show(_ report: Report) throws {
    let output = FileDescriptor.standardOutput
    if json { try output.json(report) } else { output.line(report.state) }
  }

  /// The state of the schema.
  private struct Report: Encodable {
    /// One sentence for a person.
    let state: String
    /// Whether this version of codemint can work with the schema.
    let current: Bool
    /// The numbers of the migrations that this run applied.
    let applied: [Int]
  }
}

extension RoleSetup.Outcome {
  /// What an administrator still has to do; nil if nothing.
  fileprivate var notice: String? {
    switch self {
    case .done: nil
    case .missing(let roles):
      """
      codemint: this login may not create roles. Until they exist, only the owner of the schema can \
      use it. Let an administrator run
      \(roles.map { "  \($0.statement);" }.joined(separator: "\n"))
      and then run `codemint migrate` again.
      """
    case .notOwner:
      "codemint: the privileges were not changed, because only the owner of the schema can set them"
    }
  }
}

extension Settings {
  /// The connection for migrations. They may wait for a lock or rewrite a table, so the connection
  /// has no timeouts except the operator's own.
  fileprivate func migrationSettings() throws(SettingsError) -> ConnectionSettings {
    var connection = try connectionSettings()
    connection.statementTimeout = nil
    connection.lockTimeout = nil
    connection.idleInTransactionTimeout = nil
    connection.statementDeadline = .seconds(24 * 3600)
    return connection
  }
}
