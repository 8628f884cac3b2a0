import Ledger
import Postgres
import Synchronization
import Testing

@Suite("migrations")
struct MigratorTests {
  @Test("an empty database is brought up to date, and a second time changes nothing")
  func fromNothing() async throws {
    try await TestServer.lend(.empty) { settings in
      let connection = try await Connection.open(settings)
      let migrator = Migrator(connection)
      #expect(try await migrator.state() == .behind(missing: Migration.all))
      #expect(try await connection.query(Self.schemas).isEmpty)
      let reported = Mutex<[Migration]>([])
      let applied = try await migrator.migrate { step in reported.withLock { $0.append(step) } }
      #expect(applied == Migration.all && reported.withLock { $0 } == Migration.all)
      #expect(try await migrator.state() == .current)
      #expect(try await migrator.migrate() == [])
      await connection.close()
    }
  }

  @Test("no function is everybody's to execute, from its migration on, before roles are set up too")
  func closed() async throws {
    try await TestServer.lend(.empty) { settings in
      let connection = try await Connection.open(settings)
      _ = try await Migrator(connection).migrate()
      let open = try await connection.query(
        """
        SELECT p.proname::text AS name FROM pg_proc p
        WHERE p.pronamespace = 'codemint'::regnamespace
          AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
                      WHERE a.grantee = 0)
        """
      )
      #expect(try open.map { try $0.text("name") } == [])
      await connection.close()
    }
  }

  @Test("two that migrate at the same time apply each migration once")
  func twoAtOnce() async throws {
    try await TestServer.lend(.empty) { settings in
      let one = try await Connection.open(settings)
      let two = try await Connection.open(settings)
      async let first = Migrator(one).migrate()
      async let second = Migrator(two).migrate()
      let applied = try await first + second
      #expect(applied.map(\.number).sorted() == Migration.all.map(\.number))
      #expect(try await Migrator(one).state() == .current)
      await one.close()
      await two.close()
    }
  }

  @Test("a schema that lacks the last migrations is brought forward")
  func behind() async throws {
    try await TestServer.lend(.migrated) { settings in
      let connection = try await Connection.open(settings)
      let last = try #require(Migration.all.last)
      try await connection.script(
        """
        CREATE TABLE kept AS SELECT * FROM codemint.migrations WHERE number < \(last.number);
        DROP SCHEMA codemint CASCADE;
        CREATE SCHEMA codemint;
        CREATE TABLE codemint.migrations AS SELECT * FROM kept;
        """
      )
      for migration in Migration.all.dropLast() { try await connection.script(migration.sql) }
      let migrator = Migrator(connection)
      #expect(try await migrator.state() == .behind(missing: [last]))
      #expect(try await migrator.migrate() == [last])
      await connection.close()
    }
  }

  @Test("a schema that is newer than this codemint is left alone")
  func ahead() async throws {
    try await TestServer.lend(.migrated) { settings in
      let connection = try await Connection.open(settings)
      _ = try await connection.query(
        "INSERT INTO codemint.migrations (number, name, checksum) VALUES (999, 'later', 'x')"
      )
      try await expectRefusal(Migrator(connection), .ahead(number: 999), naming: "999")
      await connection.close()
    }
  }

  @Test("a migration that was applied with another text is noticed")
  func altered() async throws {
    try await TestServer.lend(.migrated) { settings in
      let connection = try await Connection.open(settings)
      _ = try await connection.query(
        "UPDATE codemint.migrations SET checksum = 'other' WHERE number = 2"
      )
      let state = SchemaState.altered(Migration.all[1])
      try await expectRefusal(Migrator(connection), state, naming: Migration.all[1].name)
      await connection.close()
    }
  }

  @Test("a migration that fails leaves nothing of itself")
  func failing() async throws {
    try await TestServer.lend(.empty) { settings in
      let connection = try await Connection.open(settings)
      // Something is in the way of the second migration, which fails after its first function.
      try await connection.script(
        """
        CREATE SCHEMA codemint;
        CREATE FUNCTION codemint.microseconds(p_from timestamptz, p_to timestamptz)
          RETURNS text LANGUAGE sql AS 'SELECT ''''';
        """
      )
      await #expect(throws: PostgresError.self) { try await Migrator(connection).migrate() }
      let missing = Array(Migration.all.dropFirst())
      #expect(try await Migrator(connection).state() == .behind(missing: missing))
      let leftover = try await connection.query(
        "SELECT to_regproc('codemint.claim_call') IS NOT NULL AS is_there"
      )
      #expect(try leftover.one().bool("is_there") == false)
      try await connection.script(
        "DROP FUNCTION codemint.microseconds(timestamptz, timestamptz)"
      )
      #expect(try await Migrator(connection).migrate() == missing)
      await connection.close()
    }
  }

  private static let schemas: Statement = """
    SELECT nspname::text FROM pg_namespace WHERE nspname = 'codemint'
    """

  private func expectRefusal(
    _ migrator: Migrator,
    _ state: SchemaState,
    naming name: String
  ) async throws {
    #expect(try await migrator.state() == state)
    #expect(state.remedy.contains(name))
    do {
      _ = try await migrator.migrate()
      Issue.record("migrated")
    } catch let error as LedgerError {
      #expect(error.code == .schema && error.description == state.remedy)
    }
  }
}
