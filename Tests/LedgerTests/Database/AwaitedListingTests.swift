import MemoryStore
import Postgres
import Provisioning
import Testing

@Suite("rule 18: held calls beside a listing that calls await")
struct AwaitedListingTests {
  @Test("rule 18: to judge a held call anew is not the listing that calls await after a failover")
  func notInstead() async throws {
    try await play(holding: .unwitnessed) { scene, job, held in
      #expect(try await scene.reward().awaitsListing)
      #expect(try await scene.takeDoubt() == nil)
      guard case .nothing = try await scene.ask() else {
        Issue.record("asked before the reward was listed")
        return
      }
      let watch = try await scene.watch()
      #expect(watch.isAwaited)
      // What the failover lost is for the job.
      let lost = scene.mint.make(10, of: Scene.reward)
      #expect(try await scene.conclude(watch, finding: lost) == .done(issued: 10, surplus: 0))
      #expect(try await scene.job(job).issued == 10)
    }
  }

  @Test(
    "rule 18: a job that is held for a list that cannot be had is not freed by one of its calls"
  )
  func stillUnlisted() async throws {
    try await play(holding: .unlistable) { scene, job, held in
      try await scene.putOff(scene.watch(), for: nil)
      #expect(try await scene.job(job).errorCode == "listing_failed")
      try await scene.settle(held, scene.answer(held))
      let row = try await scene.job(job)
      #expect(row.issued == 500 && row.held && row.errorCode == "listing_failed" && !row.isQueued)
    }
  }

  /// A job of 510 with a call of 500 that was held for this reason before a failover, and again when it was
  /// judged after it. The listing that calls await is due.
  private func play(
    holding reason: HoldReason,
    _ body: (Scene, JobID, ClaimedCall) async throws -> Void
  ) async throws {
    try await PostgresUnderTest.lend { ledger in
      guard let postgres = ledger as? PostgresUnderTest else { return }
      try await Scene.over(ledger) { scene in
        let job = try await scene.insert(510)
        let held = try await scene.doubtfulCall()
        for isRestored in [false, true] {
          let doubt = try await scene.doubt()
          #expect(doubt.isRestored == isRestored)
          try await scene.decide(doubt) { decision in
            decision.held = decision.judged
            decision.holdReason = reason
          }
          guard !isRestored else { break }
          try await postgres.bystander.script(
            "UPDATE codemint.cluster_identity SET timeline = 'FFFFFFFF'"
          )
          try await scene.heartbeat()
          try await scene.ledger.pass(ClusterTests.longestEffect)
          try await scene.heartbeat()
        }
        try await body(scene, job, held)
      }
    }
  }
}
