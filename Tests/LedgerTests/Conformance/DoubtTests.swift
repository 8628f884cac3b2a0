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
    "rules 4 and 10: a doubt comes with the times that bound its calls, and what a listing must show",
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
      let seconds: [Int64] = doubt.calls.map {
        ($0.earliest.microseconds - startOfTime) / 1_000_000
      }
      #expect(seconds == [3, 5])
      let lasts = doubt.calls.map { ($0.effectiveUntil.microseconds - startOfTime) / 1_000_000 }
      #expect(lasts == [53, 55])
      #expect(doubt.newestKnown == [shown[0].id, shown[499].id])
      #expect(doubt.prefixIsLiteral && doubt.offset != nil && doubt.failingSince == nil)
      #expect(doubt.now.microseconds == startOfTime + 5_000_000)
    }
  }

  @Test(
    "rule 7: a doubt comes with what short answers of the reward lack, until it has been listed",
    arguments: LedgerKind.allCases
  )
  func keptBack(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(5)
      let doubtful = try await scene.claim()
      try await scene.ledger.pass(.seconds(1))
      _ = try await scene.insert(10, prefix: "CODE-")
      _ = try await scene.insert(20)
      let (short, whole) = (try await scene.claim(), try await scene.claim())
      _ = try await scene.insert(30, of: Samples.reward(2))
      let other = try await scene.claim()
      try await scene.settle(short, scene.answer(short, codes: 3))
      try await scene.settle(whole, scene.answer(whole, codes: 20, nulls: 1))
      try await scene.settle(other, scene.answer(other, codes: 1))
      try await scene.doubt(doubtful)
      let doubt = try await scene.doubt()
      #expect(doubt.calls.map(\.call) == [doubtful.call])
      #expect(doubt.keptBack.map(\.id) == [short.call.id])
      #expect(doubt.keptBack.map(\.size) == [7] && doubt.keptBack.map(\.prefix) == ["CODE-"])
      #expect(doubt.keptBack.map(\.job) == [short.call.job])
      try await scene.ledger.pass(.seconds(6))
      try await scene.decide(doubt) { $0.absent = [doubtful.call.id] }
      // The listing that calls wait for cannot be older than the one that was judged, nor show less.
      let watch = try await scene.watchRow()
      #expect(watch.nextListingAt == startOfTime + 7_000_000 && watch.since == startOfTime)
      _ = try await scene.conclude(scene.watch())
      _ = try await scene.doubtfulCall()
      #expect(try await scene.doubt().keptBack.isEmpty)
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
    "a reward that is left undecided waits, and remembers since when its list fails",
    arguments: LedgerKind.allCases
  )
  func left(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      _ = try await scene.doubtfulCall()
      for pause in 0..<3 {
        let doubt = try await scene.doubt()
        #expect(doubt.failingSince?.microseconds == (pause == 0 ? nil : startOfTime))
        try await scene.leave(doubt.reward, worker: Scene.otherWorker, listingFailed: false)
        #expect(try await scene.keep(doubt.reward))
        try await scene.leave(doubt.reward, listingFailed: true)
        #expect(try await !scene.keep(doubt.reward))
        try await scene.ledger.pass(.milliseconds(999))
        #expect(try await scene.takeDoubt() == nil)
        try await scene.ledger.pass(.milliseconds(1))
      }
      let doubt = try await scene.doubt()
      try await scene.leave(doubt.reward, listingFailed: false)
      #expect(try await scene.reward().listingFailingSince == nil)
    }
  }
}

extension Scene {
  fileprivate func keep(_ reward: RewardID) async throws -> Bool {
    try await ledger.store.keep(reward, worker: Self.worker, lease: .seconds(30))
  }

  fileprivate func leave(
    _ reward: RewardID,
    worker: WorkerID = worker,
    listingFailed: Bool
  ) async throws {
    try await ledger.store.leave(
      reward,
      worker: worker,
      pause: .seconds(1),
      listingFailed: listingFailed
    )
  }
}
