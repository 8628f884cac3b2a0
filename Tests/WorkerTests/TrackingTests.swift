import Logging
import MemoryStore
import Provisioning
import Testing
import Worker

@Suite("codes are tracked until other systems have them")
struct TrackingTests {
  private static let rules = SyncRules(
    first: .seconds(30),
    longest: .seconds(3600),
    patience: .seconds(86_400),
    retries: 2
  )

  /// The codes of the ledger, put on the shelf that the API lists.
  @discardableResult
  private static func shelve(_ trial: Trial) -> [IssuedCode] {
    let codes = trial.memory.ledger.codes.values.map(\.code).sorted { $0.id < $1.id }
    trial.issuer.shelf.put(codes, of: Samples.reward(1))
    return codes
  }

  /// Changes codes on the shelf, each at its own time.
  private static func change(
    _ trial: Trial,
    _ sync: SyncStatus,
    status: String = "available",
    where isChanged: (Int) -> Bool
  ) {
    let reward = Samples.reward(1)
    let time = trial.time.now.nanoseconds / 1000
    let codes = trial.issuer.shelf.codes(of: reward).enumerated().map { place, code in
      isChanged(place)
        ? code.shown(sync, status: status, updatedAt: time + Int64(place)) : code
    }
    trial.issuer.shelf.put(codes, of: reward)
  }

  private static func isFinal(_ ledger: MemoryLedger) -> Bool {
    ledger.tracked.values.allSatisfy { $0.nextPassAt == nil }
  }

  private static func differences(_ trial: Trial) -> Int {
    let listed = trial.issuer.shelf.codes(of: Samples.reward(1))
    return listed.count { trial.memory.ledger.codes[$0.id]?.code != $0 }
  }

  @Test(
    "in whatever order codes are listed, the ledger holds in the end what the API shows",
    arguments: [ListedShelf.Order.changes, .making, .none],
    1...4 as ClosedRange<UInt64>
  )
  func equal(order: ListedShelf.Order, seed: UInt64) throws {
    try Trial.run(.init(seed: seed, sync: Self.rules)) { trial in
      trial.insert(2300)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      trial.issuer.shelf.list(in: order)
      trial.issuer.shelf.fail([.failed("http_500"), .stale])
      Self.shelve(trial)
      for step in 0..<10 {
        await trial.time.pass(.seconds(40))
        Self.change(trial, .synced, status: step == 3 ? "redeemed" : "available") {
          $0 % 10 == step
        }
      }
      try await trial.until(within: .seconds(90_000), every: .seconds(5)) { Self.isFinal($0) }
      #expect(Self.differences(trial) == 0)
      let job = try #require(trial.memory.ledger.jobs.values.first)
      #expect(job.syncDoneAt != nil)
      #expect(trial.log.lines("the sync state of every code is final").count == 1)
    }
  }

  @Test("errors are answered twice, and then given up where operators see it")
  func errors() throws {
    try Trial.run(.init(sync: Self.rules)) { trial in
      trial.insert(40)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      let reward = Samples.reward(1)
      trial.issuer.shelf.put(Self.shelve(trial).map { $0.inError(.shopify) }, of: reward)
      trial.issuer.shelf.answerResyncs([.failed("http_503: later")])
      try await trial.until(within: .seconds(90_000), every: .seconds(5)) { Self.isFinal($0) }
      #expect(trial.issuer.shelf.resyncs == [.shopify, .shopify])
      let row = trial.memory.ledger.resyncs[ResyncKey(reward, .shopify)]
      #expect(row?.givenUpAt != nil && row?.attempts == 2)
      let warnings = trial.log.lines.filter { $0.level == .warning }
      #expect(
        warnings.map(\.message) == [
          "could not ask to copy the reward once more",
          "codes whose sync state is not final are no longer tracked: see codemint.sync_problems",
        ]
      )
    }
  }

  @Test("what the database does not take is left out, and nothing beside it")
  func refused() throws {
    try Trial.run(.init(sync: Self.rules)) { trial in
      trial.insert(300)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      Self.shelve(trial)
      Self.change(trial, .synced) { $0 != 77 }
      Self.change(trial, .synced, status: "a\u{0}b") { $0 == 77 }
      try await trial.until(every: .seconds(5)) { ledger in
        ledger.codes.values.count { $0.code.syncStatus == .synced } == 299
      }
      let message = "the database does not take how a code is listed now; it stays as it was"
      #expect(trial.log.lines(message).count >= 1)
    }
  }

  @Test("lost answers of the database and a second worker change nothing about the end")
  func outages() throws {
    let faults: @Sendable (ShakyStore.Question, Int) -> ShakyStore.Fault? = { question, number in
      guard question == .track else { return nil }
      var random = SeededRandom(seed: UInt64(number) &* 7919)
      return switch Int.random(in: 0..<10, using: &random) {
      case 0: .questionLost
      case 1: .answerLost
      default: nil
      }
    }
    try Trial.run(.init(sync: Self.rules, faults: faults)) { trial in
      trial.insert(1200)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      Self.shelve(trial)
      Self.change(trial, .synced) { _ in true }
      try await trial.withSecondWorker {
        try await trial.until(within: .seconds(90_000), every: .seconds(5)) { Self.isFinal($0) }
      }
      #expect(Self.differences(trial) == 0)
    }
  }

  @Test("without rules nothing is listed")
  func switchedOff() throws {
    try Trial.run { trial in
      trial.insert(10)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      await trial.time.pass(.seconds(10_000))
      #expect(trial.issuer.shelf.offsets == [])
    }
  }

  @Test("a drain does not wait for a sync pass to end")
  func drained() throws {
    try Trial.run(.init(sync: Self.rules)) { trial in
      trial.insert(5000)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      Self.shelve(trial)
      trial.issuer.shelf.list(in: .none)
      try await trial.until { _ in trial.issuer.shelf.offsets.count == 2 }
      trial.worker.drain()
      await trial.time.pass(.seconds(1))
      #expect(trial.issuer.shelf.offsets.count <= 3)
    }
  }
}

extension IssuedCode {
  fileprivate func shown(_ sync: SyncStatus, status: String, updatedAt: Int64) -> IssuedCode {
    IssuedCode(
      id: id,
      reward: reward,
      code: code,
      status: status,
      createdAt: createdAt,
      expiresAt: expiresAt,
      updatedAt: Timestamp(microseconds: updatedAt),
      externalIDs: externalIDs,
      syncStatus: sync
    )
  }

  fileprivate func inError(_ system: SyncSystem) -> IssuedCode {
    IssuedCode(
      id: id,
      reward: reward,
      code: code,
      status: status,
      createdAt: createdAt,
      expiresAt: expiresAt,
      updatedAt: updatedAt,
      externalIDs: Array(#"{"\#(system.rawValue)": {"syncStatus": "error"}}"#.utf8),
      syncStatus: .error
    )
  }
}
