import MemoryStore
import Provisioning
import Testing

@Suite("taking a doubt")
struct DoubtTests {
  @Test(
    "rule 9: a doubtful call closes its reward, which is taken when no call of it is sending",
    arguments: LedgerKind.allCases
  )
  func waitsForCalls(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(1000)
      let sending = try await scene.claim()
      let doubtful = try await scene.doubtfulCall()
      #expect(try await scene.reward().closedAt == startOfTime)
      #expect(try await scene.takeDoubt() == nil)
      try await scene.settle(sending, scene.answer(sending))
      #expect(try await scene.doubt().calls.map(\.call.id) == [doubtful.call.id])
    }
  }

  @Test(
    "rule 9: one reconciler has a reward, until its lease runs out",
    arguments: LedgerKind.allCases
  )
  func oneReconciler(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      let doubtful = try await scene.doubtfulCall()
      let doubt = try await scene.doubt()
      #expect(try await scene.takeDoubt(worker: Scene.otherWorker) == nil)
      try await scene.ledger.pass(.seconds(29))
      #expect(try await scene.keep(doubt.reward))
      try await scene.ledger.pass(.seconds(29))
      #expect(try await scene.takeDoubt(worker: Scene.otherWorker) == nil)
      try await scene.ledger.pass(.seconds(2))
      #expect(try await !scene.keep(doubt.reward))
      #expect(try await scene.decide(doubt) { $0.absent = [doubtful.call.id] } == .changed)
      _ = try await scene.doubt(worker: Scene.otherWorker)
      #expect(try await !scene.keep(doubt.reward))
    }
  }

  @Test(
    "rules 4 and 10: a doubt comes with each call's own times and lengths, and what a listing must show",
    arguments: LedgerKind.allCases
  )
  func facts(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(1010, prefix: "CODE-")
      let clean = try await scene.claim()
      let shown = scene.mint.make(500, of: Scene.reward)
      try await scene.ledger.pass(.seconds(1))
      try await scene.settle(clean, .issued(Answer(codes: shown, nulls: 0, body: [])))
      try await scene.ledger.pass(.seconds(2))
      let first = try await scene.claim()
      try await scene.ledger.pass(.seconds(2))
      let second = try await scene.claim()
      try await scene.doubt(second)
      try await scene.doubt(first)
      let doubt = try await scene.doubt()
      #expect(doubt.calls.map(\.call) == [first.call, second.call])
      #expect(doubt.calls.map(\.lacks) == [500, 10] && doubt.calls.allSatisfy { !$0.isAnswered })
      let seconds: [Int64] = doubt.calls.map {
        ($0.earliest.microseconds - startOfTime) / 1_000_000
      }
      #expect(seconds == [3, 5])
      // The lease of 10 s, the timeout of 60 s and the gap of 10 s are those of the calls' worker.
      let lasts = doubt.calls.map { ($0.effectiveUntil.microseconds - startOfTime) / 1_000_000 }
      #expect(lasts == [83, 85])
      #expect(doubt.calls.allSatisfy { $0.effectiveFor == .seconds(70) })
      #expect(doubt.calls.allSatisfy { $0.listingGap == .seconds(10) })
      #expect(doubt.mustShow == shown.ids.sorted() && doubt.reference == nil)
      #expect(doubt.offset != nil && !doubt.isClockDistrusted)
      #expect(doubt.undecidedFor == .zero && !doubt.isRestored)
      #expect(doubt.now.microseconds == startOfTime + 5_000_000)
    }
  }

  @Test(
    "rule 7: what a short answer lacks is in doubt with the reward's other calls",
    arguments: LedgerKind.allCases
  )
  func short(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(5)
      let doubtful = try await scene.claim()
      try await scene.ledger.pass(.seconds(1))
      _ = try await scene.insert(10)
      let short = try await scene.claim()
      try await scene.settle(short, scene.answer(short, codes: 3))
      try await scene.doubt(doubtful)
      let doubt = try await scene.doubt()
      #expect(doubt.calls.map(\.call.id) == [doubtful.call.id, short.call.id])
      #expect(doubt.calls.map(\.lacks) == [5, 7])
      #expect(doubt.calls.map(\.isAnswered) == [false, true])
      #expect(doubt.calls[1].effectiveUntil.microseconds == startOfTime + 11_000_000)
    }
  }

  @Test(
    "rule 10: a reward without a clean answer of its own names the one with the account's newest",
    arguments: LedgerKind.allCases
  )
  func reference(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      _ = try await scene.doubtfulCall()
      let first = try await scene.doubt()
      #expect(first.reference == nil && first.mustShow.isEmpty)
      _ = try await scene.insert(10, of: Scene.otherReward)
      let clean = try await scene.claim()
      try await scene.settle(clean, scene.answer(clean))
      try await scene.leave(first.reward, counts: nil)
      try await scene.ledger.pass(.seconds(1))
      #expect(try await scene.doubt().reference == Scene.otherReward)
    }
  }

  @Test(
    "rule 10: a reward whose answered codes were all purged gives no evidence to another one",
    arguments: LedgerKind.allCases
  )
  func purgedReference(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let (gone, left) = (try await scene.insert(10), try await scene.insert(10))
      for _ in 1...2 {
        let clean = try await scene.claim()
        try await scene.settle(clean, scene.answer(clean))
      }
      _ = try await scene.insert(10, of: Scene.otherReward)
      _ = try await scene.doubtfulCall()
      for (job, reference) in [(left, Scene.reward), (gone, nil)] {
        #expect(try await scene.ledger.edit(.purge(job)))
        let doubt = try await scene.doubt()
        #expect(doubt.reference == reference)
        try await scene.leave(doubt.reward, counts: nil)
        try await scene.ledger.pass(.seconds(1))
      }
    }
  }

  @Test(
    "rule 13: to hold a call for lack of a witness is void if the account has got one meanwhile",
    arguments: LedgerKind.allCases
  )
  func witnessMeanwhile(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      let doubtful = try await scene.doubtfulCall()
      func hold(_ doubt: DoubtCase) async throws -> DecisionAnswer {
        try await scene.decide(doubt) {
          $0.held = [doubtful.call.id]
          $0.holdReason = .unwitnessed
        }
      }
      let doubt = try await scene.doubt()
      _ = try await scene.insert(10, of: Scene.otherReward)
      let clean = try await scene.claim()
      try await scene.settle(clean, scene.answer(clean))
      #expect(try await hold(doubt) == .changed)
      #expect(try await scene.call(doubtful).heldAt == nil)
      try await scene.leave(doubt.reward, counts: nil)
      try await scene.ledger.pass(.seconds(1))
      // Its own list and the reference have no witness either.
      #expect(try await hold(scene.doubt()).isDone)
      #expect(try await scene.call(doubtful).holdReason == "no_witness")
    }
  }

  @Test(
    "rule 13: a doubt is taken anew when one of its calls lacks less than before",
    arguments: LedgerKind.allCases
  )
  func lacksLess(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      let claimed = try await scene.doubtfulCall()
      let doubt = try await scene.doubt()
      try await scene.settle(claimed, scene.answer(claimed, codes: 4))
      #expect(try await scene.decide(doubt) { $0.absent = [claimed.call.id] } == .changed)
      #expect(try await scene.doubt().calls.map(\.lacks) == [6])
    }
  }

  @Test(
    "the reward that was closed first is taken first; what late answers have settled is not taken",
    arguments: LedgerKind.allCases
  )
  func order(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10, of: Scene.otherReward)
      let late = try await scene.doubtfulCall()
      try await scene.ledger.pass(.seconds(1))
      _ = try await scene.insert(10)
      _ = try await scene.doubtfulCall()
      try await scene.settle(late, scene.answer(late))
      #expect(try await scene.doubt().reward == Scene.reward)
      #expect(try await scene.takeDoubt(worker: Scene.otherWorker) == nil)
    }
  }

  @Test(
    "rule 12: a doubt that is left waits, and counts the time for which its listings fail",
    arguments: LedgerKind.allCases
  )
  func left(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      _ = try await scene.doubtfulCall()
      for failures in 0..<3 {
        let doubt = try await scene.doubt()
        #expect(doubt.undecidedFor == .seconds(5) * failures)
        try await scene.leave(doubt.reward, worker: Scene.otherWorker, counts: .seconds(4))
        #expect(try await scene.keep(doubt.reward))
        try await scene.leave(doubt.reward, counts: .seconds(4))
        #expect(try await !scene.keep(doubt.reward))
        try await scene.ledger.pass(.milliseconds(999))
        #expect(try await scene.takeDoubt() == nil)
        try await scene.ledger.pass(.milliseconds(1))
      }
      #expect(try await scene.reward().undecidedSince == startOfTime)
    }
  }

  @Test(
    "rule 12: time in which nobody could ask does not count, nor does it start the count anew",
    arguments: LedgerKind.allCases
  )
  func notAsked(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      _ = try await scene.doubtfulCall()
      try await scene.leave(scene.doubt().reward, counts: .seconds(1))
      try await scene.ledger.pass(.seconds(3600))
      let doubt = try await scene.doubt()
      #expect(doubt.undecidedFor == .seconds(2))
      try await scene.leave(doubt.reward, counts: nil)
      try await scene.ledger.pass(.seconds(3600))
      #expect(try await scene.doubt().undecidedFor == .seconds(2))
    }
  }
}

extension Scene {
  fileprivate func keep(_ reward: RewardID) async throws -> Bool {
    try await ledger.store.keep(reward, worker: Self.worker, lease: .seconds(30))
  }

  fileprivate func leave(_ reward: RewardID, worker: WorkerID = worker, counts: Duration?)
    async throws
  {
    try await ledger.store.leave(reward, worker: worker, pause: .seconds(1), counts: counts)
  }
}
