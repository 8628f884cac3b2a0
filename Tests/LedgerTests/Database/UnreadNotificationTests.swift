import Ledger
import LocalPostgres
import MemoryStore
import Postgres
import Provisioning
import TestSupport
import Testing

/// All databases of a server share one queue of notifications. A session that listens in an open transaction lets it
/// fill up, and a full queue refuses every transaction that notifies.
@Suite("notifications that somebody does not read")
struct UnreadNotificationTests {
  /// Before PostgreSQL 17 the queue has 8 GB, and codemint is told to stop where a test can get. A newer one is made
  /// so small that it really gets full.
  private static let lowerBound = """
    CREATE OR REPLACE FUNCTION codemint.wakes_up_to() RETURNS double precision
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS 'SELECT 0.0001::double precision'
    """

  @Test(
    "rule 2: jobs are inserted, claimed and settled while the queue is full; needs_you names who listens, until he is gone"
  )
  func full() async throws {
    let server = try await TestServer()
    let settings = try server.settings(try await server.makeDatabase())
    let version = try await Self.migrate(settings)
    if version >= 170_000 {
      try server.server.sql("ALTER SYSTEM SET max_notify_queue_pages = 64")
      try await server.server.restart()
    }
    let pool = Pool(settings, limit: 3)
    let store = PostgresStore(pool: pool)
    let bystander = try await Connection.open(settings)
    let ledger = RealLedger(settings: settings, pool: pool, store: store, bystander: bystander)
    if version < 170_000 { try await bystander.script(Self.lowerBound) }
    try await bystander.script("LISTEN codemint_jobs; LISTEN codemint_job_done; LISTEN test")
    try await ledger.announce(Scene.fast)
    _ = try await ledger.insert(10, of: Scene.reward)
    #expect(try await Self.heard(bystander).contains("codemint_jobs"))

    let listener = try await Connection.open(settings)
    try await listener.script("SET application_name = 'forgotten'; LISTEN shop")
    try await listener.script("BEGIN; SELECT 1")
    let isRefused = try await Self.flood(ledger)
    #expect(isRefused == (version >= 170_000))
    #expect(try await OverviewQueries(pool: pool).gauges().unreadShare >= 1)
    try await Self.work(ledger)
    if !isRefused { #expect(try await Self.heard(bystander) == []) }

    let need = try await bystander.query(
      "SELECT why, what_to_do, since IS NOT NULL AS is_dated FROM codemint.needs_you WHERE kind = 'notifications'"
    ).one()
    let process = await listener.serverProcess
    #expect(try need.text("why").contains("postgres, pid \(process), forgotten, database "))
    #expect(try need.text("why").contains("daemons find work by polling"))
    #expect(try need.bool("is_dated"))
    #expect(
      try need.text("what_to_do") == "SELECT pg_terminate_backend(\(process)); -- if it listens"
    )
    #expect(try await DoctorQueries(bystander).unread() == need.text("why"))
    try await bystander.script(try need.text("what_to_do"))
    while try await bystander.query("SELECT codemint.unread_share() >= 0.5").one().bool(0) {}
    #expect(try await bystander.query("SELECT 1 FROM codemint.unread_holders()").isEmpty)
    _ = try await ledger.insert(10, of: Scene.reward)
    #expect(try await Self.heard(bystander).contains("codemint_jobs"))
    await listener.close()
    await bystander.close()
    await pool.close()
    try await server.server.remove()
  }

  private static func migrate(_ settings: ConnectionSettings) async throws -> Int {
    let connection = try await Connection.open(settings)
    _ = try await Migrator(connection).migrate()
    if let changes = try TestServer.schemaChanges() { try await connection.script(changes) }
    let version = await connection.serverVersion
    await connection.close()
    return version
  }

  /// Notifies the channel that nobody reads, in one transaction after the other.
  /// - Returns: Whether the server has refused one, because the queue was full.
  private static func flood(_ ledger: RealLedger) async throws -> Bool {
    for number in 1...50 {
      do {
        _ = try await ledger.pool.query(
          Statement(
            "SELECT pg_notify('shop', repeat('x', 7900) || \(number) || '-' || n) FROM generate_series(1, 4) n"
          )
        )
      } catch {
        #expect(error.sqlState == "54000")
        return true
      }
    }
    return false
  }

  /// What a producer, a daemon and an operator do.
  private static func work(_ ledger: RealLedger) async throws {
    let job = try await ledger.insert(10, of: Scene.otherReward)
    guard case .call(let first) = try await ledger.claim(),
      case .call(let second) = try await ledger.claim()
    else {
      Issue.record("nothing is claimed")
      return
    }
    let mint = CodeMint()
    for claimed in [first, second] {
      let codes = mint.make(10, of: claimed.call.reward)
      let settlement = SettlementRule.settle(
        claimed.call,
        by: Samples.worker(1),
        lengths: Samples.lengths(),
        report: CallReport(
          outcome: .issued(Answer(codes: codes, nulls: 0, body: [])),
          httpStatus: 201,
          duration: .milliseconds(70)
        ),
        team: nil,
        jitter: 0.5
      )
      let receipt = try await ledger.store.settle(settlement, thenClaim: nil).settled.get()
      #expect(receipt.job == .completed)
    }
    _ = try await ledger.heartbeat()
    _ = try await ledger.pool.query("SELECT codemint.set_limits(burst => 5)")
    #expect(try await ledger.bystander.facts().job(job).state == .completed)
  }

  /// The channels on which something came until now.
  private static func heard(_ bystander: Connection) async throws -> [String] {
    _ = try await bystander.query("SELECT pg_notify('test', '')")
    var channels: [String] = []
    while true {
      for notification in try await bystander.notifications(within: .seconds(20)) {
        if notification.channel == "test" { return channels }
        channels.append(notification.channel)
      }
    }
  }
}
