import Ledger
import MemoryStore
import Postgres
import Provisioning
import TestSupport
import Testing

/// A ledger in databases that are set up in another way than those of the other tests: by their
/// administrator, for other programs.
@Suite("unusual databases")
struct UnusualDatabaseTests {
  /// What a database sets for all of its sessions. A server that does not know a setting skips it.
  private static let settings = [
    "array_nulls = off", "backslash_quote = off", "bytea_output = escape",
    "check_function_bodies = off", "client_min_messages = error", "DateStyle = 'German, DMY'",
    "debug_parallel_query = on", "default_statistics_target = 1",
    "default_toast_compression = lz4", "default_transaction_deferrable = on",
    "default_transaction_isolation = 'repeatable read'",
    "default_transaction_isolation = serializable", "enable_indexscan = off",
    "event_triggers = off", "extra_float_digits = -15",
    "force_parallel_mode = on", "from_collapse_limit = 1",
    "idle_in_transaction_session_timeout = 100",
    "idle_session_timeout = 1000", "IntervalStyle = sql_standard", "jit_above_cost = 0",
    "join_collapse_limit = 1", "lc_numeric = 'POSIX'", "lc_time = 'POSIX'", "lock_timeout = 1",
    "plan_cache_mode = force_custom_plan", "plan_cache_mode = force_generic_plan",
    "quote_all_identifiers = on", "search_path = 'pg_temp, elsewhere'",
    "standard_conforming_strings = off", "statement_timeout = 100", "synchronous_commit = off",
    "TimeZone = 'Pacific/Chatham'", "track_activities = off", "track_counts = off",
    "transaction_timeout = 100", "transform_null_equals = on", "work_mem = '64kB'",
    "xmloption = document",
  ]

  @Test("the ledger does its work whatever a database sets for its sessions", arguments: settings)
  func sessions(_ setting: String) async throws {
    try await TestServer.lend(.empty) { settings in
      let administrator = try await Connection.open(settings)
      let known = try await administrator.query(
        "SELECT FROM pg_settings WHERE lower(name) = lower(split_part($1, ' ', 1))",
        [.text(setting)]
      )
      if !known.isEmpty {
        try await administrator.set(setting)
        try await Self.work(at: settings, ownedBy: settings, administrator)
      }
      await administrator.close()
    }
  }

  /// How a database is made.
  private static let makings = [
    "LC_COLLATE 'C' LC_CTYPE 'C'", "LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR' LC_CTYPE 'C.UTF-8'",
  ]

  @Test("the ledger does its work whatever language a database sorts by", arguments: makings)
  func languages(_ making: String) async throws {
    try await TestServer.lend(.empty) { settings in
      let neighbour = try await Connection.open(settings)
      let name = try await neighbour.query("SELECT current_database() || '_other'").one().text(0)
      let hasICU = try await !neighbour.query(
        "SELECT FROM pg_collation WHERE collprovider = 'i' LIMIT 1"
      ).isEmpty
      if hasICU || !making.contains("icu") {
        try await neighbour.script("CREATE DATABASE \(name) TEMPLATE template0 \(making)")
        let place = try await neighbour.settings(as: "postgres", in: name)
        let administrator = try await Connection.open(place)
        try await Self.work(at: place, ownedBy: place, administrator)
        await administrator.close()
        try await neighbour.script("DROP DATABASE \(name) WITH (FORCE)")
      }
      await neighbour.close()
    }
  }

  @Test(
    "the ledger does its work for an owner who is no superuser",
    arguments: ["NOCREATEROLE", "CREATEROLE", "CREATEROLE BYPASSRLS", "NOINHERIT"]
  )
  func owners(_ attributes: String) async throws {
    try await TestServer.lend(.empty) { settings in
      let administrator = try await Connection.open(settings)
      let name = try await administrator.query("SELECT current_database()").one().text(0)
      let role = "owner_of_\(name)"
      try await administrator.script(
        "CREATE ROLE \(role) LOGIN \(attributes); ALTER DATABASE \(name) OWNER TO \(role)"
      )
      try await Self.work(
        at: settings,
        ownedBy: try await administrator.settings(as: role),
        administrator
      )
      await administrator.close()
    }
  }

  /// Makes the schema, and lets one job go from its insertion through a clean answer and a doubt to
  /// its end, each person with a login of their own.
  private static func work(
    at settings: ConnectionSettings,
    ownedBy ownersSettings: ConnectionSettings,
    _ administrator: Connection
  ) async throws {
    var owners = ownersSettings
    owners.statementTimeout = .zero
    owners.idleInTransactionTimeout = .zero
    let owner = try await Connection.open(owners)
    #expect(try await Migrator(owner).migrate())
    #expect(try await RoleSetup(owner).apply() == .done)
    await owner.close()

    let calm = try await Connection.open(settings.withTimeouts)
    let logins = Logins(owner: calm)
    let producer = try await Connection.open(logins.newLogin(.producer).withTimeouts)
    let person = try await Connection.open(logins.newLogin(.operator).withTimeouts)
    let daemon = Pool(try await logins.newLogin(.worker).withTimeouts, limit: 2)
    let ledger = PostgresUnderTest(store: PostgresStore(pool: daemon), bystander: calm)
    try await Scene.over(ledger) { scene in
      try await play(scene, producer: producer, person: person)
    }
    await daemon.close()
    for connection in [person, producer, calm] { await connection.close() }
  }

  private static func play(
    _ scene: Scene,
    producer: Connection,
    person: Connection
  ) async throws {
    let job = JobID(try await producer.query(insertion).one().int64("id"))
    let clean = try await scene.claim()
    try await scene.settle(clean, scene.answer(clean))
    let lost = try await scene.doubtfulCall()
    let wait = try await person.query(
      "SELECT reason, why, what_to_do FROM codemint.waits WHERE job_id = $1",
      [.int8(job.number)]
    ).one()
    #expect(try wait.text("reason") == "doubt" && wait.text("what_to_do").hasPrefix("none"))

    let codes = scene.mint.make(10, of: Scene.reward)
    let decided = try await scene.decide(try await scene.doubt(), finding: codes) {
      $0.adopted = [Adoption(call: lost.call, codes: codes.ids)]
    }
    #expect(decided == .done(ended: [EndedJob(job: job, state: .completed)]))
    let seen = try await producer.query("SELECT state, issued, prefix FROM codemint.my_jobs").one()
    #expect(try seen.text("state") == "completed" && seen.integer("issued") == 510)
    #expect(try seen.text("prefix") == #"É\'I-"#)
    #expect(
      try await producer.query("SELECT count(code) FROM codemint.my_codes").one().int64(0) == 510
    )
    let refusal = await failure { () throws(PostgresError) in
      try await person.query("SELECT codemint.cancel_job($1)", [.int8(job.number)])
    }
    #expect(refusal?.sqlState == "55000")
  }

  private static let insertion = Statement(
    """
    INSERT INTO codemint.jobs (reward_id, count, prefix, metadata)
    VALUES ('\(Scene.reward)', 510, E'É\\\\''I-', '{"campaign": "May", "half": 0.1}') RETURNING id
    """
  )
}

extension ConnectionSettings {
  /// The same with timeouts of its own, as the daemon has them.
  fileprivate var withTimeouts: ConnectionSettings {
    var settings = self
    settings.statementTimeout = .seconds(30)
    settings.lockTimeout = .seconds(10)
    settings.idleInTransactionTimeout = .seconds(30)
    return settings
  }
}

extension Connection {
  /// Sets something for all later sessions of this connection's database.
  fileprivate func set(_ setting: String) async throws {
    let name = try await query("SELECT current_database()").one().text(0)
    try await script("ALTER DATABASE \(name) SET \(setting)")
  }
}
