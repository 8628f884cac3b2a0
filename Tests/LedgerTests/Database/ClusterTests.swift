import Ledger
import MemoryStore
import Postgres
import Provisioning
import Testing

@Suite("rule 18: the database's cluster")
struct ClusterTests {
  @Test("in another cluster nothing is claimed until an operator accepts it; who and why are kept")
  func otherCluster() async throws {
    try await play { scene, connection in
      _ = try await scene.insert(600)
      let before = try await scene.claim()
      try await scene.settle(before, scene.answer(before))
      try await connection.script(
        """
        UPDATE codemint.cluster_identity SET system_identifier = system_identifier + 1, timeline = 'FFFFFFFF'
        """
      )
      #expect(try await scene.ask() == .nothing(wait: nil, due: .zero))
      let heartbeat = try await scene.heartbeat()
      #expect(heartbeat.block?.code == "other_cluster")
      #expect(heartbeat.block?.probeNow == false)
      #expect(try await scene.ask() == .nothing(wait: nil, due: nil))

      try await refusesToAccept(" ", connection)
      _ = try await connection.query(
        "SELECT codemint.accept_cluster('restored, the old one is off')"
      )
      let account = try await connection.query("SELECT * FROM codemint.cluster_identity").one()
      #expect(try account.optionalTimestamptz("suspended_at") == nil)
      #expect(try account.text("accepted_note") == "restored, the old one is off")
      #expect(try account.optionalText("accepted_by") != nil)
      #expect(try account.optionalTimestamptz("accepted_at") == startOfTime)
      #expect(try await scene.heartbeat().block == nil)
      // Every reward is listed from the beginning of time before anything more is asked of it.
      guard case .nothing = try await scene.ask() else {
        Issue.record("asked before the reward was listed")
        return
      }
      let watch = try await scene.watch()
      #expect(watch.isAwaited && watch.since == nil)
      #expect(try await scene.conclude(watch) == .done(issued: 0, surplus: 0))
      #expect(try await scene.claim().call.size == 100)
    }
  }

  @Test("on another timeline each reward with a call in the last day is listed first")
  func otherTimeline() async throws {
    try await play { scene, connection in
      _ = try await scene.insert(510, of: Scene.otherReward)
      let old = try await scene.claim()
      try await scene.settle(old, scene.answer(old))
      try await scene.ledger.pass(.seconds(25 * 3600))
      try await scene.heartbeat()
      _ = try await scene.insert(510, priority: 0)
      let recent = try await scene.claim()
      try await scene.settle(recent, scene.answer(recent))
      try await connection.script("UPDATE codemint.cluster_identity SET timeline = 'FFFFFFFF'")
      #expect(try await scene.ask() == .nothing(wait: nil, due: .zero))
      #expect(try await scene.heartbeat().block == nil)
      // The other reward has no call of the last day.
      #expect(try await scene.claim().call.reward == Scene.otherReward)
      guard case .nothing = try await scene.ask() else {
        Issue.record("asked before the reward was listed")
        return
      }
      let watch = try await scene.watch()
      #expect(watch.reward == Scene.reward && watch.isAwaited)
      let lost = scene.mint.make(5, of: Scene.reward)
      #expect(try await scene.conclude(watch, finding: lost) == .done(issued: 0, surplus: 5))
      #expect(try await scene.claim().call.reward == Scene.reward)
    }
  }

  @Test(
    "on another timeline a ledger without a sign of life for an hour is taken for a restored one"
  )
  func staleTimeline() async throws {
    try await play { scene, connection in
      let id = try await scene.insert(10)
      let claimed = try await scene.claim()
      try await scene.settle(claimed, scene.answer(claimed))
      try await connection.script("UPDATE codemint.cluster_identity SET timeline = 'FFFFFFFF'")
      try await scene.ledger.pass(.seconds(3601))
      let block = try await scene.heartbeat().block
      #expect(block?.code == "other_cluster")
      #expect(block?.message.contains("last sign of life is from") == true)
      // That this worker says that it lives makes it no younger.
      #expect(try await scene.heartbeat().block == block)
      #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
      _ = try await connection.query("SELECT codemint.accept_cluster('restored')")
      #expect(try await scene.heartbeat().block == nil)
      #expect(try await scene.listWatched() == .done(issued: 0, surplus: 0))
      #expect(try await scene.job(id).state == .completed)
    }
  }

  @Test("what a listing after a failover finds completes the latest call, if that one lacks it")
  func lostAnswer() async throws {
    try await play { scene, connection in
      let id = try await scene.insert(10)
      let lost = try await scene.claim()
      try await scene.ledger.edit(.lose(lost.call.id))
      try await scene.heartbeat()
      let latest = try await scene.claim()
      try await scene.settle(latest, .unsent(.leaseLost))
      try await connection.script("UPDATE codemint.cluster_identity SET timeline = 'FFFFFFFF'")
      try await scene.heartbeat()
      let codes = scene.mint.make(10, of: Scene.reward)
      let ended = [EndedJob(job: id, state: .completed)]
      let answer = try await scene.listWatched(finding: codes)
      #expect(answer == .done(issued: 10, surplus: 0, ended: ended))
      #expect(try await scene.job(id).state == .completed)
    }
  }

  @Test("a list that calls wait for and that is refused holds the jobs for a person, with a reason")
  func unlistable() async throws {
    try await play { scene, connection in
      let id = try await scene.insert(510)
      let claimed = try await scene.claim()
      try await scene.settle(claimed, scene.answer(claimed))
      try await connection.script("UPDATE codemint.cluster_identity SET timeline = 'FFFFFFFF'")
      try await scene.heartbeat()
      let watch = try await scene.watch()
      let pause = watch.pause(after: .refused(code: "forbidden", message: "no"))
      #expect(pause == nil)
      try await scene.putOff(watch, for: pause, error: "forbidden")
      let job = try await scene.job(id)
      #expect(job.held && job.errorCode == "listing_failed" && job.isQueued == false)
      let row = try await connection.query("SELECT * FROM codemint.watches").one()
      #expect(try row.text("state") == "failing" && row.text("error") == "forbidden")
      #expect(try await !scene.reward().awaitsListing)
      #expect(try await scene.watchRow().listingsLeft == 4)
    }
  }

  private func play(_ body: (Scene, Connection) async throws -> Void) async throws {
    try await PostgresUnderTest.lend { ledger in
      guard let postgres = ledger as? PostgresUnderTest else { return }
      try await Scene.over(ledger) { try await body($0, postgres.bystander) }
    }
  }

  private func refusesToAccept(_ note: String, _ connection: Connection) async throws {
    do throws(PostgresError) {
      _ = try await connection.query("SELECT codemint.accept_cluster($1)", [.text(note)])
      Issue.record("accepted without a reason")
    } catch {
      #expect(error.sqlState == "22023")
    }
  }
}
