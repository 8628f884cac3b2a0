import Foundation
import Ledger
import LocalPostgres
import Postgres
import Synchronization
import TestSupport
import Testing

extension TestServer {
  /// What a test database is a copy of.
  enum Template: String, CaseIterable {
    /// Nothing is in it.
    case empty = "template_empty"
    /// The schema, on the server's own clock.
    case migrated = "template_migrated"
    /// The schema, on a clock that a test moves: it reads the row of `test.clock`.
    case manualClock = "template_manual_clock"
  }

  /// A login of the whole server with the daemon's role.
  static let daemon = "daemon"

  private static let starting = Task { try await withTemplates() }
  private static let turnstile = Turnstile(places: 4)
  private static let free = Mutex<[String]>([])

  private static func withTemplates() async throws -> TestServer {
    var options = LocalPostgres.Options()
    options.configuration = [
      "max_connections = 200", "wal_level = logical", "max_prepared_transactions = 10",
    ]
    let shared = try await TestServer(options)
    for template in Template.allCases {
      let name = try await shared.makeDatabase(template.rawValue)
      guard template != .empty else { continue }
      let connection = try await Connection.open(shared.settings(name))
      if template == .manualClock { try await connection.script(clock) }
      _ = try await Migrator(connection).migrate()
      if template == .manualClock {
        // The store does all of its work with the daemon's role here, and with no right more.
        #expect(try await RoleSetup(connection).apply() == .done)
        try await connection.script(
          """
          CREATE ROLE \(daemon) LOGIN IN ROLE codemint_worker;
          GRANT USAGE ON SCHEMA test TO codemint_worker;
          GRANT SELECT ON test.clock TO codemint_worker;
          """
        )
      }
      if let changes = try schemaChanges() { try await connection.script(changes) }
      await connection.close()
    }
    return shared
  }

  /// Lends a database that nobody else uses meanwhile. One with a manual clock is emptied and lent
  /// again, since copying a template takes longer than most tests; the others are dropped.
  static func lend(
    _ template: Template,
    _ body: (ConnectionSettings) async throws -> Void
  ) async throws {
    let shared = try await starting.value
    try await turnstile.pass {
      let reused = template == .manualClock ? free.withLock { $0.popLast() } : nil
      let name: String
      if let reused {
        name = reused
      } else {
        name = try await shared.makeDatabase(template: template.rawValue)
      }
      let settings = try shared.settings(name)
      try await body(settings)
      try await shared.takeBack(name, template, settings)
    }
  }

  /// Lends a new database into which a dump of this one is restored.
  static func lendDump(
    of original: ConnectionSettings,
    _ body: (ConnectionSettings) async throws -> Void
  ) async throws {
    try await lendNew(of: original) { shared, source, name in
      _ = try await shared.makeDatabase(name)
      try shared.run(
        "pg_dump -d \"$SOURCE\" | psql -X -q -v ON_ERROR_STOP=1 -d \"$TARGET\"",
        source: source,
        target: name
      )
    } body: {
      try await body($0)
    }
  }

  /// Dumps this database and restores the dump in its own place. Nobody is connected to it.
  static func restoreInPlace(_ settings: ConnectionSettings) async throws {
    let shared = try await starting.value
    let connection = try await Connection.open(settings)
    let name = try await connection.query("SELECT current_database()").one().text(0)
    await connection.close()
    try shared.run(
      """
      dump=$(pg_dump -d "$SOURCE") && {
        printf '%s\\n' 'SET client_min_messages = warning; DROP SCHEMA codemint CASCADE;'
        printf '%s\\n' "$dump"
      } | psql -X -q -v ON_ERROR_STOP=1 -d "$TARGET"
      """,
      source: name,
      target: name
    )
  }

  /// Runs a command of bash with the URLs of two databases.
  private func run(_ command: String, source: String, target: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-c", "set -o pipefail; \(command)"]
    process.environment = ProcessInfo.processInfo.environment.merging([
      "SOURCE": server.url(database: source), "TARGET": server.url(database: target),
    ]) { $1 }
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  /// Lends a new database that is a copy of this one, which nobody is connected to.
  static func lendCopy(
    of original: ConnectionSettings,
    _ body: (ConnectionSettings) async throws -> Void
  ) async throws {
    try await lendNew(of: original) { shared, source, name in
      _ = try await shared.makeDatabase(name, template: source)
    } body: {
      try await body($0)
    }
  }

  private static func lendNew(
    of original: ConnectionSettings,
    fill: (_ shared: TestServer, _ source: String, _ name: String) async throws -> Void,
    body: (ConnectionSettings) async throws -> Void
  ) async throws {
    let shared = try await starting.value
    let connection = try await Connection.open(original)
    let source = try await connection.query("SELECT current_database()").one().text(0)
    await connection.close()
    let name = "\(source)_again"
    try await fill(shared, source, name)
    try await body(try shared.settings(name))
    try await shared.drop(name)
  }

  private func takeBack(
    _ name: String,
    _ template: Template,
    _ settings: ConnectionSettings
  ) async throws {
    guard template == .manualClock else { return try await drop(name) }
    let connection = try await Connection.open(settings)
    try await connection.script(Self.emptying)
    await connection.close()
    Self.free.withLock { $0.append(name) }
  }

  /// SQL that spoils the schema, so that `scripts/mutate` can show that a test notices.
  static func schemaChanges() throws -> String? {
    guard let path = ProcessInfo.processInfo.environment["CODEMINT_TEST_SCHEMA_CHANGES"] else {
      return nil
    }
    return try String(contentsOfFile: path, encoding: .utf8)
  }

  private static let emptying = """
    TRUNCATE codemint.jobs, codemint.calls, codemint.codes, codemint.rewards,
      codemint.reward_watches, codemint.account, codemint.api_clock, codemint.cluster_identity,
      codemint.retention_progress, codemint.workers, codemint.unattributed_codes,
      codemint.raw_codes, codemint.answers, codemint.job_actions, codemint.pending_placements,
      codemint.tracked_rewards, codemint.resyncs, codemint.purges, codemint.listed_codes,
      codemint.observed_facts, codemint.operator_limits, codemint.healing,
      codemint.quotas, codemint.events, codemint.unnumbered_events, codemint.line_pace,
      codemint.line_classes, codemint.line_marks, codemint.guards, codemint.producer_days,
      codemint.api_acceptances, codemint.refused_settlements, codemint.refused_work
      RESTART IDENTITY;
    INSERT INTO codemint.account DEFAULT VALUES;
    INSERT INTO codemint.api_clock DEFAULT VALUES;
    INSERT INTO codemint.healing DEFAULT VALUES;
    INSERT INTO codemint.cluster_identity DEFAULT VALUES;
    INSERT INTO codemint.retention_progress DEFAULT VALUES;
    UPDATE test.clock SET now = to_timestamp(\(startOfTime / 1_000_000));
    """

  /// Others take the names of the server's clocks before the schema is made, so that every function
  /// and default of the schema finds them.
  private static let clock = """
    CREATE SCHEMA test;
    CREATE TABLE test.clock (now timestamptz NOT NULL);
    INSERT INTO test.clock VALUES (to_timestamp(\(startOfTime / 1_000_000)));
    ALTER FUNCTION pg_catalog.clock_timestamp() RENAME TO machine_timestamp;
    CREATE FUNCTION pg_catalog.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
      AS 'SELECT now FROM test.clock';
    ALTER FUNCTION pg_catalog.statement_timestamp() RENAME TO machine_statement_timestamp;
    CREATE FUNCTION pg_catalog.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
      AS 'SELECT now FROM test.clock';
    """
}
