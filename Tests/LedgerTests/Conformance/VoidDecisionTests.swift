import MemoryStore
import Provisioning
import Testing

@Suite("rule 13: what a decision finds changed")
struct VoidDecisionTests {
  @Test(
    "rule 13: a decision is void if a late answer has shown one of the codes that it found",
    arguments: LedgerKind.allCases
  )
  func knownMeanwhile(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let found = try await scene.foundForDoubt()
      try await scene.settle(found.late, .issued(Answer(codes: found.codes, nulls: 0, body: [])))
      var decision = DoubtDecision(
        reward: Scene.reward,
        listing: found.listing,
        judged: [found.doubtful.call.id]
      )
      decision.adopted = [Adoption(call: found.doubtful.call, codes: found.codes.ids)]
      let answer = try await scene.ledger.store.decide(decision, worker: Scene.worker)
      #expect(answer == .changed)
      #expect(try await scene.call(found.doubtful).state == .inDoubt)
    }
  }

  @Test(
    "rule 13: codes that a late answer has shown meanwhile are not set aside for a person",
    arguments: LedgerKind.allCases
  )
  func shownMeanwhile(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let found = try await scene.foundForDoubt()
      try await scene.settle(found.late, .issued(Answer(codes: found.codes, nulls: 0, body: [])))
      try await scene.setAside(found.codes, in: found.listing, for: found.doubtful)
      let facts = try await scene.ledger.facts()
      #expect(facts.unattributed.isEmpty && facts.codes.count == 10)
    }
  }

  @Test(
    "rule 13: a decision is void if the reward was taken anew since it was listed",
    arguments: LedgerKind.allCases
  )
  func takenAnew(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let found = try await scene.foundForDoubt()
      try await scene.takeAnew()
      var decision = DoubtDecision(
        reward: Scene.reward,
        listing: found.listing,
        judged: [found.doubtful.call.id]
      )
      decision.adopted = [Adoption(call: found.doubtful.call, codes: found.codes.ids)]
      let answer = try await scene.ledger.store.decide(decision, worker: Scene.worker)
      #expect(answer == .changed)
      #expect(try await scene.ledger.facts().codes.isEmpty)
    }
  }

  @Test(
    "rule 15: codes set aside for a call that is not held after all are kept for the one that is",
    arguments: LedgerKind.allCases
  )
  func heldInstead(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(1000)
      let (first, second) = (try await scene.claim(), try await scene.claim())
      for call in [first, second] { try await scene.doubt(call) }
      _ = try await scene.doubt()
      let codes = scene.mint.make(3, of: Scene.reward)
      try await scene.setAside(codes, in: scene.list(codes).id, for: first)
      try await scene.settle(first, scene.answer(first))
      try await scene.takeAnew()
      let listing = try await scene.list(codes)
      #expect(listing.page.unknown == codes.ids)
      try await scene.setAside(codes, in: listing.id, for: second)
      let facts = try await scene.ledger.facts()
      #expect(facts.unattributed.count == 3)
      #expect(facts.unattributed.values.allSatisfy { $0 == second.call.id })
    }
  }
}

extension Scene {
  /// A doubt that is being judged, and ten codes that its list shows; they may be those of another
  /// call too, which is thought not to have been sent.
  fileprivate func foundForDoubt() async throws -> (
    late: ClaimedCall, doubtful: ClaimedCall, listing: ListingID, codes: [IssuedCode]
  ) {
    _ = try await insert(10)
    let late = try await claim()
    try await settle(late, .unsent(.leaseLost))
    let doubtful = try await doubtfulCall()
    _ = try await doubt()
    let codes = mint.make(10, of: Self.reward)
    return (late, doubtful, try await list(codes).id, codes)
  }

  /// The worker gives the reward back, and takes it again.
  fileprivate func takeAnew() async throws {
    try await ledger.store.leave(Self.reward, worker: Self.worker, pause: .zero, counts: nil)
    _ = try await doubt()
  }

  fileprivate func setAside(_ codes: [IssuedCode], in listing: ListingID, for claimed: ClaimedCall)
    async throws
  {
    let isSetAside = try await ledger.store.setAside(
      codes.ids,
      in: listing,
      of: Self.reward,
      for: claimed.call.id,
      worker: Self.worker
    )
    #expect(isSetAside)
  }
}
