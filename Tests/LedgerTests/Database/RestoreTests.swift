import Ledger
import Postgres
import Provisioning
import TestSupport
import Testing

@Suite("rule 18: a ledger that was restored or copied on the same server")
struct RestoreTests {
  @Test("sends nothing until it is accepted, be it from a dump or the copy of a database")
  func restored() async throws {
    try await TestServer.lend(.migrated) { original in
      try await Self.work(at: original) { scene, _ in
        _ = try await scene.insert(600)
        let claimed = try await scene.claim()
        try await scene.settle(claimed, scene.answer(claimed))
        #expect(try await scene.heartbeat().block == nil)
      }
      try await TestServer.lendDump(of: original) { restored in
        try await Self.work(at: restored, Self.acceptAndGoOn)
        try await TestServer.lendCopy(of: restored) { copied in
          try await Self.work(at: copied, Self.acceptAndGoOn)
        }
      }
      try await Self.work(at: original) { scene, _ in
        let heartbeat = try await scene.heartbeat()
        #expect(heartbeat.block == nil)
      }
    }
  }

  @Test(
    "the window of a ledger that never lived begins when its first job came: older codes are not its own"
  )
  func neverLived() async throws {
    try await RealLedger.lend { ledger in
      _ = try await ledger.insert(10, of: Scene.reward)
      _ = try await ledger.insert(10, of: Scene.reward)
      try await ledger.bystander.script("SELECT codemint.accept_cluster('moved')")
      let watch = try await ledger.bystander.query(
        """
        SELECT w.since = j.created_at - codemint.other_clock()
        FROM codemint.reward_watches w JOIN codemint.jobs j ON j.reward_id = w.reward_id AND j.id = 1
        """
      )
      #expect(try watch.one().bool(0))
    }
  }

  private static func acceptAndGoOn(_ scene: Scene, _ connection: Connection) async throws {
    #expect(try await scene.heartbeat().block?.code == "other_cluster")
    #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
    #expect(try await scene.listWatched() == nil)
    let slot = try await connection.query("SELECT codemint.reserve_slot()").one()
    #expect(try slot.optionalInt64(0) == nil)
    let status = try await connection.query("SELECT * FROM codemint.account_status").one()
    #expect(try status.text("state") == "suspended")
    #expect(try status.text("message").contains("restored"))
    let help = "SELECT codemint.accept_cluster('why'); -- only if"
    #expect(try status.text("what_to_do").hasPrefix(help))
    _ = try await connection.query("SELECT codemint.accept_cluster('the other one is off')")
    #expect(try await scene.heartbeat().block == nil)
    guard case .nothing = try await scene.ask() else {
      Issue.record("asked before the reward was listed")
      return
    }
    #expect(try await scene.listWatched() == .done(issued: 0, surplus: 0))
    let claimed = try await scene.claim()
    #expect(claimed.call.size == 100)
    try await scene.settle(claimed, .unsent(.leaseLost))
  }

  /// A worker at this database, which nobody is connected to afterwards.
  private static func work(
    at settings: ConnectionSettings,
    _ body: (Scene, Connection) async throws -> Void
  ) async throws {
    let pool = Pool(settings, limit: 2)
    let bystander = try await Connection.open(settings)
    let ledger = PostgresUnderTest(store: PostgresStore(pool: pool), bystander: bystander)
    do {
      // Calls of the database that this one is a copy of are not asked for again.
      let used = try await bystander.query("SELECT count(*) AS used FROM codemint.calls").one()
      try await Scene.over(ledger) { scene in
        for _ in 0..<(try used.int64("used") + 5) { _ = scene.newCall() }
        try await body(scene, bystander)
      }
    } catch {
      await pool.close()
      throw error
    }
    await pool.close()
    await bystander.close()
  }
}
