import ArgumentParser
import Ledger
import Postgres

/// `codemint migrate`: creates or updates the schema.
struct MigrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate",
    abstract: "Creates the schema and its roles, or brings them up to date.",
    discussion: """
      It may run at any time, and on any number of hosts at once. Tables are migrated forward only. \
      Functions, views and privileges are replaced as a whole when they differ from those of this \
      version, or when somebody has changed one by hand. What is gone of the tables is named, with the \
      statement that helps. Before that, daemons stop claiming, and calls \
      in flight are waited for; daemons of another version then end. All of it is one transaction. If \
      the login may not create roles, it prints the statements that an administrator has to run.
      """
  )

  @OptionGroup var options: SettingsOptions

  @Flag(help: "Change nothing, and end with status 1 if the schema is not up to date.")
  var check = false

  @Flag(
    help:
      "Change nothing and connect to nothing; print the SQL of tables, functions, views and roles."
  )
  var print = false

  @Option(help: "Seconds to wait for calls in flight before functions are replaced, up to 3600.")
  var wait = 60

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    guard (0...3600).contains(wait) else {
      throw ValidationError("--wait must be from 0 to 3600 seconds")
    }
    guard [check, print].count(where: \.self) + (print && json ? 1 : 0) < 2 else {
      throw ValidationError("--print cannot be combined with --check or --json")
    }
  }

  func run() async throws {
    let output = FileDescriptor.standardOutput
    if print {
      try output.write(Schema.current.script)
      return
    }
    let settings = try options.load()
    let connection = try await Connection.open(settings.migrationSettings())
    let migrator = Migrator(connection, version: Version.current)
    if check {
      let state = try await migrator.state()
      let words = await migrator.remedy(of: state)
      await connection.close()
      try show(Report(state: words, current: state == .current, applied: []))
      if state != .current { throw ExitCode(ExitStatus.failed.rawValue) }
      return
    }
    let roles = RoleSetup(connection)
    // First, so that what is new can be granted in the transaction that makes it.
    try await roles.create()
    var applied: [Int] = []
    var lost: OutputError?
    let isChanged = try await migrator.migrate(patience: .seconds(wait)) { step in
      if case .applied(let migration) = step { applied.append(migration.number) }
      guard !json, lost == nil else { return }
      // The migration matters more than its story.
      do throws(OutputError) { try output.line(step.sentence) } catch { lost = error }
    }
    let outcome: RoleSetup.Outcome
    do { outcome = try await roles.apply() } catch { throw await migrator.explained(error) }
    let state = try await migrator.state()
    let remedy = await migrator.remedy(of: state)
    await connection.close()
    if let lost { throw lost }
    let isCurrent = state == .current
    let words = isChanged && isCurrent ? "the schema is up to date now" : remedy
    try show(Report(state: words, current: isCurrent, applied: applied))
    if let notice = outcome.notice { Complaint.say(notice) }
    if !isCurrent { throw ExitCode(ExitStatus.failed.rawValue) }
  }

  private func show(_ report: Report) throws {
    let output = FileDescriptor.standardOutput
    if json { try output.json(report) } else { try output.line(report.state) }
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

extension Migrator.Step {
  /// What is being done, for people.
  fileprivate var sentence: String {
    switch self {
    case .applied(let migration): "applied migration \(migration.number): \(migration.name)"
    case .waiting(let calls): "no new calls; waiting for \(calls) in flight"
    case .stoppedWaiting(let calls):
      "still \(calls) in flight; continuing, and daemons find out later what they did"
    case .locked(let holders): "a table is locked by \(holders); trying again every half second"
    case .replacedCode: "replaced functions, views and privileges"
    }
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
    connection.statementTimeout = .zero
    connection.lockTimeout = nil
    connection.idleInTransactionTimeout = .zero
    connection.statementDeadline = .seconds(24 * 3600)
    return connection
  }
}
