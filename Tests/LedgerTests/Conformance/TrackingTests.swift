import MemoryStore
import Provisioning
import Testing

@Suite("tracking codes until other systems have them")
struct TrackingTests {
  static let rules = SyncRules.standard
  static let minute: Duration = .seconds(60)

  /// A job whose codes the API shows in these states, in one answer.
  private func complete(_ scene: Scene, _ states: [SyncStatus]) async throws -> [IssuedCode] {
    let job = try await scene.insert(states.count)
    let claimed = try await scene.claim()
    let codes = scene.mint.make(states.count, of: claimed.call.reward)
    let shown = zip(codes, states).map { $0.shown($1) }
    try await scene.settle(claimed, .issued(Answer(codes: shown, nulls: 0, body: [])))
    #expect(try await scene.job(job).state == .completed)
    return shown
  }

  private func take(_ scene: Scene) async throws -> TrackedReward? {
    let answer = try await scene.ledger.store.takeTracked(
      Scene.worker,
      lease: Self.minute,
      first: Self.rules.first
    )
    guard case .reward(let tracked) = answer else { return nil }
    return tracked
  }

  /// Reads everything, in an order that is certain.
  @discardableResult
  private func finish(_ scene: Scene, _ tracked: TrackedReward) async throws -> SyncPassAnswer {
    let reading = ChangeReader.Reading(
      mark: Timestamp(microseconds: 9),
      order: .honoured,
      position: nil
    )
    return try await scene.ledger.store.finish(
      SyncPassReport(reward: tracked.reward, ending: .read(reading)),
      of: tracked,
      worker: Scene.worker,
      rules: Self.rules
    )
  }

  /// Takes the reward that is due, and shows its codes so in a complete pass.
  @discardableResult
  private func pass(_ scene: Scene, showing codes: [IssuedCode]) async throws -> SyncPassAnswer? {
    guard let tracked = try await take(scene) else { return nil }
    _ = try await scene.ledger.store.record(codes, of: tracked.reward, worker: Scene.worker)
    return try await finish(scene, tracked)
  }

  @Test(
    "passes begin after the first pause, and end when the sync of every code is final",
    arguments: LedgerKind.allCases
  )
  func settles(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let codes = try await complete(scene, [.pending, .synced, .pending])
      #expect(try await take(scene) == nil)
      try await scene.ledger.pass(.seconds(30))
      let first = try #require(try await take(scene))
      #expect(first.pass == 1 && first.order == .unknown)
      #expect(first.mark == codes.compactMap(\.createdAt).min())
      // Nobody else has it meanwhile.
      #expect(try await take(scene) == nil)
      #expect(try await finish(scene, first) == .tracking(resync: []))
      try await scene.ledger.pass(.milliseconds(59_999))
      #expect(try await take(scene) == nil)
      try await scene.ledger.pass(.milliseconds(1))
      #expect(try await pass(scene, showing: codes.map { $0.shown(.synced) }) == .final)
      try await scene.ledger.pass(.seconds(100_000))
      #expect(try await take(scene) == nil)
      let facts = try await scene.ledger.facts()
      #expect(facts.codes.values.allSatisfy { $0.code.syncStatus == .synced && $0.syncedAt != nil })
    }
  }

  @Test(
    "a reward whose codes are all synced at once has no pass",
    arguments: LedgerKind.allCases
  )
  func nothingToDo(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await complete(scene, [.synced, .none])
      try await scene.ledger.pass(.seconds(100))
      let answer = try await scene.ledger.store.takeTracked(
        Scene.worker,
        lease: Self.minute,
        first: .seconds(1)
      )
      #expect(answer == .nothing(wait: nil))
      let job = try #require(try await scene.ledger.facts().jobs.values.first)
      #expect(job.syncDoneAt != nil)
    }
  }

  @Test(
    "who asks when nothing is due is told when something will be",
    arguments: LedgerKind.allCases
  )
  func waits(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await complete(scene, [.pending])
      try await scene.ledger.pass(.seconds(10))
      let answer = try await scene.ledger.store.takeTracked(
        Scene.worker,
        lease: Self.minute,
        first: .seconds(30)
      )
      #expect(answer == .nothing(wait: .seconds(20)))
    }
  }

  @Test(
    "more codes whose sync is not final begin the pauses anew, and keep what this pass may miss",
    arguments: LedgerKind.allCases
  )
  func stirred(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let codes = try await complete(scene, [.pending])
      try await scene.ledger.pass(.seconds(30))
      let tracked = try #require(try await take(scene))
      _ = try await complete(scene, [.pending])
      try await finish(scene, tracked)
      let row = try #require(try await scene.ledger.facts().tracked[Scene.reward])
      #expect(row.passes == 0 && row.mark == codes[0].createdAt?.microseconds)
      try await scene.ledger.pass(.milliseconds(29_999))
      #expect(try await take(scene) == nil)
      try await scene.ledger.pass(.milliseconds(1))
      #expect(try await take(scene)?.pass == 1)
    }
  }

  @Test(
    "only what differs is changed, and what comes from the past is not",
    arguments: LedgerKind.allCases
  )
  func differences(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let codes = try await complete(scene, [.pending, .pending, .pending])
      try await scene.ledger.pass(.seconds(30))
      let tracked = try #require(try await take(scene))
      func record(_ codes: [IssuedCode]) async throws -> Int {
        try await scene.ledger.store.record(codes, of: tracked.reward, worker: Scene.worker).changed
      }
      #expect(try await record(codes) == 0)
      let later = codes[0].shown(.synced, status: "redeemed", updatedAt: 500)
      #expect(try await record([later, codes[1]]) == 1)
      #expect(try await record([later, codes[1]]) == 0)
      #expect(try await record([codes[0].shown(.pending, updatedAt: 499)]) == 0)
      let facts = try await scene.ledger.facts()
      #expect(facts.codes[later.id]?.code.status == "redeemed")
      #expect(facts.codes[later.id]?.code.updatedAt == Timestamp(microseconds: 500))
    }
  }

  @Test(
    "rule 22: what a page does not tell never replaces what is known",
    arguments: LedgerKind.allCases
  )
  func unknownStays(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let code = try await complete(scene, [.pending])[0]
      try await scene.ledger.pass(.seconds(30))
      let tracked = try #require(try await take(scene))
      func record(_ code: IssuedCode) async throws -> Int {
        let store = scene.ledger.store
        return try await store.record([code], of: tracked.reward, worker: Scene.worker).changed
      }
      let systems = #"{"shopify": {"syncStatus": "synced"}}"#
      let redeemed = code.shown(
        .synced,
        status: "redeemed",
        updatedAt: 500,
        expiresAt: 900,
        externalIDs: systems
      )
      #expect(try await record(redeemed) == 1)
      // No time of the change, no end of its life at the same change, no systems at a later one.
      #expect(try await record(code.shown(.pending, externalIDs: systems)) == 0)
      let silent = code.shown(.synced, status: "redeemed", updatedAt: 500, externalIDs: systems)
      #expect(try await record(silent) == 0)
      #expect(try await record(code.shown(.none, status: "revoked", updatedAt: 600)) == 1)
      let row = try #require(try await scene.ledger.facts().codes[code.id]).code
      #expect(row.status == "revoked" && row.syncStatus == .synced)
      #expect(String(decoding: row.externalIDs, as: UTF8.self) == systems)
      #expect(row.updatedAt == Timestamp(microseconds: 600) && row.expiresAt == nil)
    }
  }

  @Test("what the database does not take changes nothing", arguments: LedgerKind.allCases)
  func refused(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let codes = try await complete(scene, [.pending, .pending])
      try await scene.ledger.pass(.seconds(30))
      let tracked = try #require(try await take(scene))
      let shown = [codes[0].shown(.synced), codes[1].shown(.synced, status: "a\u{0}b")]
      do throws(StoreError) {
        _ = try await scene.ledger.store.record(shown, of: tracked.reward, worker: Scene.worker)
        Issue.record("taken")
      } catch {
        #expect(error.code == .contentRefused)
      }
      let facts = try await scene.ledger.facts()
      #expect(facts.codes.values.allSatisfy { $0.code.syncStatus == .pending })
    }
  }

  @Test("a worker that has lost the reward changes nothing", arguments: LedgerKind.allCases)
  func lost(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let codes = try await complete(scene, [.pending])
      try await scene.ledger.pass(.seconds(30))
      let tracked = try #require(try await take(scene))
      try await scene.ledger.pass(.seconds(61))
      let store = scene.ledger.store
      let other = try await store.takeTracked(
        Scene.otherWorker,
        lease: Self.minute,
        first: .seconds(1)
      )
      guard case .reward(let theirs) = other else {
        Issue.record("not taken over")
        return
      }
      #expect(theirs.reward == tracked.reward && theirs.pass == 2)
      let recorded = try await store.record(
        codes.map { $0.shown(.synced) },
        of: tracked.reward,
        worker: Scene.worker
      )
      #expect(!recorded.kept && recorded.changed == 0)
      #expect(try await finish(scene, tracked) == .lost)
      #expect(
        try await store.syncSlot(tracked.reward, worker: Scene.worker, lease: Self.minute) == .lost
      )
    }
  }

  @Test(
    "a code that stays pending is given up in the end, and tracked again with new ones",
    arguments: LedgerKind.allCases
  )
  func givesUp(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let codes = try await complete(scene, [.pending])
      try await scene.ledger.pass(.seconds(7 * 86_400 - 1))
      #expect(try await pass(scene, showing: codes) == .tracking(resync: []))
      try await scene.ledger.pass(.seconds(3600))
      #expect(try await pass(scene, showing: codes) == .givenUp)
      let row = try #require(try await scene.ledger.facts().tracked[Scene.reward])
      #expect(row.nextPassAt == nil && row.givenUpAt != nil)
      try await scene.ledger.pass(.seconds(3600))
      #expect(try await take(scene) == nil)
      _ = try await complete(scene, [.pending])
      try await scene.ledger.pass(.seconds(30))
      #expect(try await take(scene) != nil)
    }
  }

  @Test(
    "a pass that fails or is cut off continues where it stopped",
    arguments: LedgerKind.allCases
  )
  func interrupted(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let codes = try await complete(scene, [.pending])
      try await scene.ledger.pass(.seconds(30))
      let position = ScanPosition(
        offset: 777,
        anchor: codes[0].id,
        newest: Timestamp(microseconds: 3)
      )
      let reading = ChangeReader.Reading(mark: nil, order: .ignored, position: position)
      for failures in 0..<3 {
        let tracked = try #require(try await take(scene))
        #expect(tracked.failures == failures)
        if failures > 0 { #expect(tracked.position == position && tracked.order == .ignored) }
        _ = try await scene.ledger.store.finish(
          SyncPassReport(reward: tracked.reward, ending: .failed(message: "http_500", reading)),
          of: tracked,
          worker: Scene.worker,
          rules: Self.rules
        )
        #expect(try await take(scene) == nil)
        try await scene.ledger.pass(Self.rules.pause(after: failures))
      }
      let row = try #require(try await scene.ledger.facts().tracked[Scene.reward])
      #expect(row.errorMessage == "http_500" && row.failures == 3)
      let tracked = try #require(try await take(scene))
      try await finish(scene, tracked)
      let after = try #require(try await scene.ledger.facts().tracked[Scene.reward])
      #expect(after.failures == 0 && after.errorMessage == nil && after.scanOffset == nil)
    }
  }
}
