import MemoryStore
import Provisioning
import Testing

@Suite("steering")
struct SteerTests {
  @Test(
    "a cancelled job takes no new call and ends with the call that is out",
    arguments: LedgerKind.allCases
  )
  func cancels(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(1000)
      let claimed = try await scene.claim()
      #expect(try await scene.ledger.edit(.cancel(id)))
      var job = try await scene.job(id)
      #expect(job.state == .ending && job.endsAs == .cancelled && job.isQueued == false)
      #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
      #expect(try await scene.ledger.edit(.cancel(id)), "asked again it does nothing")
      _ = try await scene.ledger.signals()
      #expect(try await scene.settle(claimed, scene.answer(claimed)).job == .cancelled)
      job = try await scene.job(id)
      #expect(job.issued == 500 && job.outstanding == 0 && job.finishedAt != nil)
      #expect(job.errorCode == "cancelled" && job.errorMessage == "why")
      #expect(try await scene.ledger.signals() == [.done(id)])
      #expect(try await scene.ledger.edit(.cancel(id)))
    }
  }

  @Test("a job of which nothing is out is cancelled at once", arguments: LedgerKind.allCases)
  func cancelsAtOnce(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let queued = try await scene.insert(5)
      let future = try await scene.insert(5, delay: .seconds(60))
      for id in [queued, future] {
        #expect(try await scene.ledger.edit(.cancel(id)))
        let job = try await scene.job(id)
        #expect(job.state == .cancelled && job.nextCallAt == nil && job.startedAt == nil)
      }
      #expect(try await scene.heartbeat().next == nil)
    }
  }

  @Test(
    "what has ended otherwise is not cancelled, paused or resumed",
    arguments: LedgerKind.allCases
  )
  func tooLate(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let completed = try await scene.insert(5)
      let first = try await scene.claim()
      try await scene.settle(first, scene.answer(first))
      let failed = try await scene.insert(5)
      try await scene.settle(try await scene.claim(), Scene.refusal(.request, 404))
      let before = try await scene.ledger.facts()
      for id in [completed, failed] {
        #expect(try await !scene.ledger.edit(.cancel(id)))
        #expect(try await !scene.ledger.edit(.pause(id)))
        #expect(try await !scene.ledger.edit(.resume(id)))
      }
      #expect(try await !scene.ledger.edit(.retry(completed)))
      #expect(try await scene.ledger.facts().differences(from: before) == [])
    }
  }

  @Test("a resumed job continues where it was, and not before", arguments: LedgerKind.allCases)
  func pauses(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(1500)
      let first = try await scene.claim()
      #expect(try await scene.ledger.edit(.pause(id)))
      #expect(try await scene.ledger.edit(.pause(id)))
      try await scene.settle(first, scene.answer(first))
      #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
      let job = try await scene.job(id)
      #expect(job.paused && job.state == .running && job.issued == 500)
      _ = try await scene.ledger.signals()
      #expect(try await scene.ledger.edit(.resume(id)))
      #expect(try await scene.ledger.signals() == [.jobs])
      #expect(try await scene.ledger.edit(.resume(id)))
      #expect(try await scene.ledger.signals() == [], "asked again it does nothing")
      #expect(try await scene.claim().call.job == id)
    }
  }

  @Test(
    "a job that is resumed, or retried, before its run_at still waits for it",
    arguments: LedgerKind.allCases
  )
  func keepsRunAt(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(5, delay: .seconds(60))
      try await scene.ledger.edit(.pause(id))
      #expect(try await scene.heartbeat().next == nil)
      try await scene.ledger.edit(.resume(id))
      #expect(try await scene.heartbeat().next == .seconds(60))
      try await scene.ledger.edit(.cancel(id))
      #expect(try await scene.ledger.edit(.retry(id)))
      let job = try await scene.job(id)
      #expect(job.state == .queued && job.isQueued == false && job.nextCallAt == job.runAt)
    }
  }

  @Test("resuming resolves nothing: a held job stays held", arguments: LedgerKind.allCases)
  func resumesOnly(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(1000)
      for _ in 0..<Bounds.rewardRefusals {
        let refused = try await scene.claim()
        try await scene.settle(
          scene.settlement(refused, Scene.refusal(.forbidden, 403), team: .accepted)
        )
        try await scene.ledger.pass(.seconds(4000))
      }
      #expect(try await scene.job(id).held)
      try await scene.ledger.edit(.pause(id))
      try await scene.ledger.edit(.resume(id))
      var job = try await scene.job(id)
      #expect(job.held && !job.paused && job.isQueued == false)
      #expect(try await scene.ledger.edit(.retry(id)), "the reward may be open again")
      job = try await scene.job(id)
      #expect(!job.held && job.errorCode == nil)
      #expect(try await scene.claim().call.job == id)
    }
  }

  @Test("a job held for a doubtful call cannot be retried", arguments: LedgerKind.allCases)
  func heldForDoubt(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(1000)
      let claimed = try await scene.claim()
      try await scene.settle(claimed, .unknown(.timeout))
      let decided = try await scene.decide(scene.doubt()) {
        $0.held = [claimed.call.id]
        $0.holdReason = .unexplained
      }
      #expect(decided.isDone)
      #expect(try await scene.job(id).held)
      #expect(try await !scene.ledger.edit(.retry(id)))
      #expect(try await scene.ledger.edit(.cancel(id)))
      let job = try await scene.job(id)
      #expect(job.state == .ending && job.held && job.outstanding == 500)
      #expect(try await !scene.ledger.edit(.retry(id)))
    }
  }

  @Test(
    "a retried job takes its surplus first and asks for the rest",
    arguments: LedgerKind.allCases,
    [1, 900]
  )
  func retries(kind: LedgerKind, surplus: Int) async throws {
    let rest = max(0, 600 - surplus)
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(1100)
      let first = try await scene.claim()
      try await scene.settle(first, scene.answer(first))
      let second = try await scene.claim()
      try await scene.ledger.edit(.cancel(id))
      #expect(try await !scene.ledger.edit(.retry(id)), "not while it is ending")
      try await scene.settle(second, .unsent(.leaseLost))
      #expect(try await scene.job(id).state == .cancelled)
      // An answer that comes after all, when the job has no room for it any more.
      try await scene.settle(scene.settlement(second, scene.answer(second, codes: surplus)))
      #expect(try await scene.job(id).surplus == surplus)
      #expect(try await scene.ledger.edit(.retry(id)))
      let job = try await scene.job(id)
      #expect(job.issued == 1100 - rest && job.surplus == surplus - (600 - rest))
      #expect(job.state == (rest == 0 ? .completed : .running) && job.errorCode == nil)
      if rest > 0 { #expect(try await scene.claim().call.size == min(500, rest)) }
      #expect(try await scene.ledger.edit(.retry(id)) == (rest > 0), "nothing to retry")
    }
  }

  @Test("a priority that is changed decides the next call", arguments: LedgerKind.allCases)
  func priority(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let one = try await scene.insert(5000)
      let two = try await scene.insert(5000)
      #expect(try await scene.claim().call.job == one)
      #expect(try await scene.ledger.edit(.priority(one, 4)))
      #expect(try await scene.claim().call.job == one)
      #expect(try await scene.ledger.edit(.priority(two, 3)))
      #expect(try await scene.claim().call.job == two)
      #expect(try await scene.claim().call.job == two)
    }
  }

  @Test(
    "what operators did is told to one worker that goes on working, once",
    arguments: LedgerKind.allCases
  )
  func told(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let other = try await scene.insert(1000)
      for edit: LedgerEdit in [
        .pause(id), .pause(id), .resume(id), .priority(id, 5), .priority(id, 2), .cancel(id),
        .retry(id),
      ] { #expect(try await scene.ledger.edit(edit)) }
      #expect(try await scene.claim().call.job == id)
      #expect(try await scene.claim().call.job == other)
      try await scene.ledger.edit(.cancel(other))
      let leaving = Samples.presence(Scene.otherWorker, limits: Scene.fast, draining: true)
      #expect(try await scene.ledger.store.heartbeat(leaving).steered.isEmpty)
      let told = try await scene.heartbeat().steered
      #expect(told.map(\.action) == ["pause", "resume", "priority 2", "cancel", "retry", "cancel"])
      #expect(told.map(\.job) == [id, id, id, id, id, other])
      #expect(told.map(\.before) == [.queued, .queued, .queued, .queued, .cancelled, .running])
      #expect(told.map(\.after) == [.queued, .queued, .queued, .cancelled, .queued, .ending])
      #expect(try await scene.heartbeat(worker: Scene.otherWorker).steered.isEmpty)
    }
  }
}
