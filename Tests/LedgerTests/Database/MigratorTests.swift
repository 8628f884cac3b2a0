import Ledger
import MemoryStore
import Postgres
import Provisioning
import Synchronization
import TestSupport
import Testing

@Suite("migrations")
struct MigratorTests {
  @Test("an empty database is brought up to date, and a second time changes nothing")
  func fromNothing() async throws {
    try await TestServer.lend(.empty) { settings in
      let connection = try await Connection.open(settings)
      let migrator = Migrator(connection)
      #expect(try await migrator.state() == .behind(missing: Schema.current.migrations))
      #expect(try await connection.query(Self.schemas).isEmpty)
      let steps = try await Self.migrate(migrator)
      #expect(steps == Schema.current.migrations.map { .applied($0) } + [.replacedCode])
      #expect(try await migrator.state() == .current)
      #expect(try await Self.migrate(migrator) == [])
      await connection.close()
    }
  }

  @Test("no function is everybody's to execute, before roles are set up too")
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

  @Test("of two that migrate at the same time, one does all of it")
  func twoAtOnce() async throws {
    try await TestServer.lend(.empty) { settings in
      let one = try await Connection.open(settings)
      let two = try await Connection.open(settings)
      async let first = Self.migrate(Migrator(one))
      async let second = Self.migrate(Migrator(two))
      let steps = try await first + second
      #expect(steps == Schema.current.migrations.map { .applied($0) } + [.replacedCode])
      #expect(try await Migrator(one).state() == .current)
      await one.close()
      await two.close()
    }
  }

  @Test("tables that lack the last migrations are brought forward, and keep what is in them")
  func behind() async throws {
    try await TestServer.lend(.migrated) { settings in
      let connection = try await Connection.open(settings)
      try await connection.script(
        "INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 10)"
      )
      let next = Migration(
        number: 2,
        name: "colour",
        sql: "ALTER TABLE codemint.jobs ADD COLUMN colour text DEFAULT 'red'"
      )
      let migrator = Migrator(connection, schema: Self.changed(adding: [next]))
      #expect(try await migrator.state() == .behind(missing: [next]))
      #expect(try await Self.migrate(migrator) == [.applied(next), .replacedCode])
      #expect(
        try await connection.query("SELECT colour FROM codemint.jobs").one().text(0) == "red"
      )
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
        "UPDATE codemint.migrations SET checksum = 'other' WHERE number = 1"
      )
      let first = Schema.current.migrations[0]
      try await expectRefusal(Migrator(connection), .altered(first), naming: first.name)
      await connection.close()
    }
  }

  @Test("a migration that fails leaves nothing of itself")
  func failing() async throws {
    try await TestServer.lend(.migrated) { settings in
      let connection = try await Connection.open(settings)
      let broken = Migration(
        number: 2,
        name: "broken",
        sql: "ALTER TABLE codemint.jobs ADD COLUMN colour text; SELECT 1 / 0"
      )
      let migrator = Migrator(connection, schema: Self.changed(adding: [broken]))
      await #expect(throws: PostgresError.self) { try await migrator.migrate() }
      #expect(try await migrator.state() == .behind(missing: [broken]))
      #expect(try await Migrator(connection).state() == .current)
      await connection.close()
    }
  }

  @Test("functions of another version are replaced as a whole, and those that are gone are dropped")
  func otherCode() async throws {
    try await TestServer.lend(.migrated) { settings in
      let connection = try await Connection.open(settings)
      let other = Self.changed(
        code: """
          CREATE OR REPLACE FUNCTION codemint.of_the_other() RETURNS integer
          LANGUAGE sql AS 'SELECT 1';
          """
      )
      let migrator = Migrator(connection, schema: other, version: "9.9")
      #expect(try await migrator.state() == .otherCode(version: ""))
      #expect(try await Self.migrate(migrator) == [.replacedCode])
      #expect(try await migrator.state() == .current)
      let back = Migrator(connection)
      #expect(try await back.state() == .otherCode(version: "9.9"))
      #expect(try await back.state().remedy.contains("codemint 9.9"))
      #expect(try await Self.migrate(back) == [.replacedCode])
      let left = try await connection.query("SELECT to_regproc('codemint.of_the_other')::text")
      #expect(try left.one().optionalText(0) == nil)
      await connection.close()
    }
  }

  @Test("a function with another result, and a view with fewer columns, can be replaced too")
  func otherResult() async throws {
    try await TestServer.lend(.migrated) { settings in
      let connection = try await Connection.open(settings)
      let other = Self.changed(
        code: """
          DROP FUNCTION codemint.next_due(timestamptz);
          CREATE FUNCTION codemint.next_due(p_now timestamptz) RETURNS text
          LANGUAGE sql AS 'SELECT NULL::text';
          DROP VIEW codemint.call_log;
          CREATE VIEW codemint.call_log AS SELECT 1 AS one, 2 AS two;
          """
      )
      _ = try await Migrator(connection, schema: other).migrate()
      #expect(try await Self.migrate(Migrator(connection)) == [.replacedCode])
      #expect(try await Migrator(connection).state() == .current)
      await connection.close()
    }
  }

  @Test("a view of somebody's that stands in the way is named, and nothing is changed")
  func dependent() async throws {
    try await TestServer.lend(.migrated) { settings in
      let connection = try await Connection.open(settings)
      let other = Self.changed(
        code: """
          DROP VIEW codemint.call_log;
          CREATE VIEW codemint.call_log AS SELECT 1 AS one, 2 AS two;
          """
      )
      _ = try await Migrator(connection, schema: other).migrate()
      try await connection.script("CREATE VIEW public.mine AS SELECT two FROM codemint.call_log")
      let error = await #expect(throws: PostgresError.self) {
        try await Migrator(connection).migrate()
      }
      #expect(error?.description.contains("call_log") == true)
      #expect(try await Migrator(connection, schema: other).state() == .current)
      await connection.close()
    }
  }

  @Test(
    "what somebody changed by hand is noticed by name, and put back",
    arguments: [
      ("ALTER FUNCTION codemint.may_list() VOLATILE", "may_list()"),
      ("DROP FUNCTION codemint.next_reopening", "next_reopening(p_now timestamp with time zone)"),
      ("CREATE FUNCTION codemint.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'", "mine()"),
      ("CREATE VIEW codemint.mine AS SELECT 1 AS one", "view mine"),
      ("DROP TRIGGER wake_workers ON codemint.jobs", "trigger wake_workers"),
      ("ALTER VIEW codemint.doubts RENAME COLUMN size TO much", "view doubts"),
      (
        """
        DO $$ BEGIN
          EXECUTE 'CREATE OR REPLACE VIEW codemint.doubts AS '
            || rtrim(pg_get_viewdef('codemint.doubts'), ';') || ' LIMIT 1';
        END $$
        """, "view doubts"
      ),
    ]
  )
  func drift(change: String, name: String) async throws {
    try await TestServer.lend(.migrated) { settings in
      let connection = try await Connection.open(settings)
      try await connection.script(change)
      let state = try await Migrator(connection).state()
      #expect(state == .drifted([name]) && state.remedy.contains(name))
      #expect(try await Self.migrate(Migrator(connection)) == [.replacedCode])
      #expect(try await Migrator(connection).state() == .current)
      await connection.close()
    }
  }

  @Test("the state is read while somebody has locked the tables")
  func locked() async throws {
    try await TestServer.lend(.migrated) { settings in
      let connection = try await Connection.open(settings)
      let other = try await Connection.open(settings)
      try await other.script(
        "BEGIN; LOCK TABLE codemint.jobs, codemint.codes IN ACCESS EXCLUSIVE MODE"
      )
      try await connection.script("SET lock_timeout = '1s'")
      #expect(try await Migrator(connection).state() == .current)
      await other.close()
      await connection.close()
    }
  }

  @Test("a login that writes intervals in another way sees no drift")
  func intervalStyle() async throws {
    try await TestServer.lend(.migrated) { settings in
      let connection = try await Connection.open(settings)
      let database = try await connection.query("SELECT current_database()").one().text(0)
      try await connection.script("ALTER DATABASE \(database) SET IntervalStyle = iso_8601")
      let other = try await Connection.open(settings)
      #expect(try await Migrator(other).state() == .current)
      await other.close()
      await connection.close()
    }
  }

  @Test("a trigger that calls a function of the user's own is no drift, and is left alone")
  func ownTrigger() async throws {
    try await TestServer.lend(.migrated) { settings in
      let connection = try await Connection.open(settings)
      try await connection.script(
        """
        CREATE FUNCTION public.mine() RETURNS trigger
        LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER mine AFTER INSERT ON codemint.jobs
          FOR EACH ROW EXECUTE FUNCTION public.mine();
        """
      )
      #expect(try await Migrator(connection).state() == .current)
      let other = Self.changed(code: "-- another version\n")
      #expect(try await Self.migrate(Migrator(connection, schema: other)) == [.replacedCode])
      let found = try await connection.query(
        "SELECT count(*) FROM pg_trigger WHERE tgname = 'mine'"
      )
      #expect(try found.one().int64(0) == 1)
      await connection.close()
    }
  }

  @Test("roles have what they need from the transaction on in which it is made")
  func grants() async throws {
    try await Logins.lend { logins in
      let daemon = try await logins.login(.worker)
      let other = Self.changed(code: "-- another version\n")
      _ = try await Migrator(logins.owner, schema: other).migrate()
      #expect(try await PrivilegeCheck(daemon).complaint() == nil)
    }
  }

  @Test("calls in flight are waited for, while nobody claims; after the patience it proceeds")
  func waits() async throws {
    try await RealLedger.lend { ledger in
      let reward = RewardID(UniqueID(bits: 7))
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(10, of: reward)
      _ = try await ledger.insert(10, of: reward)
      let claimed = try await ledger.store.claim(Self.request(1)).claimed
      #expect(claimed != nil)
      let owner = try await Connection.open(ledger.settings)
      let other = Migrator(owner, schema: Self.changed(code: "-- another version\n"))
      let steps = Mutex<[Migrator.Step]>([])
      _ = try await other.migrate(patience: .milliseconds(300)) { step in
        steps.withLock { $0.append(step) }
      }
      #expect(
        steps.withLock { $0 }
          == [.waiting(inFlight: 1), .stoppedWaiting(inFlight: 1), .replacedCode]
      )
      // A daemon of the version before is given no more work.
      let refused = await #expect(throws: StoreError.self) {
        try await ledger.store.claim(Self.request(2))
      }
      #expect(refused?.code == .superseded)
      await owner.close()
    }
  }

  @Test("while somebody keeps a table locked, inserts go on; when the table is free, it is done")
  func lockedForLong() async throws {
    try await RealLedger.lend { ledger in
      let shop = try await Connection.open(ledger.settings)
      let late = try await Connection.open(ledger.settings)
      let owner = try await Connection.open(ledger.settings)
      let insert: Statement = """
        INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 1)
        """
      try await shop.script("BEGIN; \(insert.sql)")
      let (steps, told) = AsyncStream<Migrator.Step>.makeStream()
      let schema = Self.changed(code: "-- another version\n")
      let migration = Task {
        try await Migrator(owner, schema: schema).migrate { told.yield($0) }
      }
      var seen = steps.makeAsyncIterator()
      guard case .locked(let holders) = await seen.next() else {
        Issue.record("nobody has locked anything")
        return
      }
      #expect(holders.contains("pid \(await shop.serverProcess)"))
      // It asks again and again meanwhile, and none of these inserts waits for the end of a transaction.
      try await late.script("SET lock_timeout = '2s'")
      for _ in 0..<50 { _ = try await late.query(insert) }
      #expect(try await Migrator(late, schema: schema).state() == .otherCode(version: ""))
      try await shop.script("COMMIT")
      #expect(try await migration.value)
      #expect(await seen.next() == .replacedCode)
      for connection in [shop, late, owner] { await connection.close() }
    }
  }

  @Test("who gives up on a lock says who has it, and has changed nothing")
  func stillLocked() async throws {
    try await RealLedger.lend { ledger in
      let owner = try await Connection.open(ledger.settings)
      try await ledger.bystander.script("BEGIN; LOCK TABLE codemint.jobs IN ROW EXCLUSIVE MODE")
      let schema = Self.changed(code: "-- another version\n")
      let error = await #expect(throws: LedgerError.self) {
        try await Migrator(owner, schema: schema).migrate(patience: .zero)
      }
      #expect(error?.description.contains("pid \(await ledger.bystander.serverProcess)") == true)
      try await ledger.bystander.script("ROLLBACK")
      #expect(try await Migrator(owner, schema: schema).state() == .otherCode(version: ""))
      await owner.close()
    }
  }

  private static func request(_ number: Int) -> ClaimRequest {
    ClaimRequest(
      call: Samples.call(number),
      worker: Samples.worker(1),
      lengths: Samples.lengths(lease: .seconds(60))
    )
  }

  /// This version's schema with something added to it.
  private static func changed(adding migrations: [Migration] = [], code: String = "") -> Schema {
    Schema(
      migrations: Schema.current.migrations + migrations,
      code: Schema.current.code + code,
      grants: Schema.current.grants
    )
  }

  private static func migrate(_ migrator: Migrator) async throws -> [Migrator.Step] {
    let steps = Mutex<[Migrator.Step]>([])
    let isChanged = try await migrator.migrate { step in steps.withLock { $0.append(step) } }
    let all = steps.withLock { $0 }
    #expect(isChanged == !all.isEmpty)
    return all
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
