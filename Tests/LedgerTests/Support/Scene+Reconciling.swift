import MemoryStore
import Provisioning

/// Short words for what a reconciler does.
extension Scene {
  /// Claims a call whose answer cannot be stored: it is in doubt, and nobody pauses for it.
  func doubtfulCall() async throws -> ClaimedCall {
    let claimed = try await claim()
    try await doubt(claimed)
    return claimed
  }

  /// Settles a call with an answer that cannot be stored.
  func doubt(_ claimed: ClaimedCall) async throws {
    let answer = Answer(codes: [], nulls: 0, body: [1])
    let issued = settlement(claimed, .issued(answer))
    try await settle(SettlementRule.unstorable(issued, answer: answer, cause: "U+0000"))
  }

  func takeDoubt(worker: WorkerID = worker) async throws -> DoubtCase? {
    try await ledger.store.takeDoubt(worker, lease: .seconds(30))
  }

  /// Takes the doubt that has to be there.
  func doubt(worker: WorkerID = worker) async throws -> DoubtCase {
    guard let doubt = try await takeDoubt(worker: worker) else { throw MissingRow("doubt to take") }
    return doubt
  }

  /// Weighs these codes as one page of a listing.
  /// - Returns: What they are staged under, and what the ledger said.
  @discardableResult
  func list(
    _ codes: [IssuedCode],
    unreadable: [CodeID] = [],
    of reward: RewardID = reward,
    worker: WorkerID = worker
  ) async throws -> (id: ListingID, page: WeighedPage) {
    let id = newListing()
    let page = try await ledger.store.weigh(
      codes,
      unreadable: unreadable,
      of: reward,
      in: id,
      worker: worker
    )
    return (id, page)
  }

  /// Decides a doubt whose list shows these codes. What the decision sets aside is set aside before.
  @discardableResult
  func decide(
    _ doubt: DoubtCase,
    worker: WorkerID = worker,
    finding codes: [IssuedCode] = [],
    _ change: (inout DoubtDecision) -> Void
  ) async throws -> DecisionAnswer {
    let listing = try await list(codes, of: doubt.reward, worker: worker)
    var decision = DoubtDecision(
      reward: doubt.reward,
      listing: listing.id,
      judged: doubt.calls.map(\.call.id),
      reference: doubt.reference
    )
    change(&decision)
    decision.raw = codes.filter { listing.page.refused.contains($0.id) }
    if let first = decision.held.first, !decision.unattributed.isEmpty {
      _ = try await ledger.store.setAside(
        decision.unattributed,
        in: listing.id,
        of: doubt.reward,
        for: first,
        worker: worker
      )
    }
    return try await ledger.store.decide(decision, worker: worker)
  }

  /// Takes the watch that has to be due.
  func watch(worker: WorkerID = worker) async throws -> WatchCase {
    guard let watch = try await ledger.store.takeWatch(worker, lease: .seconds(30)) else {
      throw MissingRow("watch to take")
    }
    return watch
  }

  /// What a watch's list shows: these codes, of which some count for calls that lack them.
  func finding(
    _ watch: WatchCase,
    _ codes: [IssuedCode],
    adopted: [Adoption] = [],
    since: Timestamp? = nil,
    isBelieved: Bool = true
  ) async throws -> WatchFinding {
    let listing = try await list(codes, of: watch.reward)
    return WatchFinding(
      reward: watch.reward,
      listing: listing.id,
      listedUntil: watch.now,
      since: since,
      adopted: adopted,
      isBelieved: isBelieved,
      raw: codes.filter { listing.page.refused.contains($0.id) }
    )
  }

  func conclude(_ watch: WatchCase, finding codes: [IssuedCode] = [], adopted: [Adoption] = [])
    async throws -> WatchAnswer
  {
    try await conclude(try await finding(watch, codes, adopted: adopted))
  }

  func conclude(_ finding: WatchFinding) async throws -> WatchAnswer {
    try await ledger.store.conclude(finding, worker: Self.worker)
  }

  func putOff(_ watch: WatchCase, for pause: Duration?, error: String = "gone") async throws {
    try await ledger.store.putOff(watch.reward, worker: Self.worker, pause: pause, error: error)
  }

  /// An answer that shows only some of what was made.
  func short(_ claimed: ClaimedCall, of made: [IssuedCode], shown: Int) -> CallOutcome {
    .issued(Answer(codes: Array(made.prefix(shown)), nulls: 0, body: []))
  }

  /// A code that no database takes.
  func badCode() -> IssuedCode { mint.make(1, of: Self.reward, bad: true)[0] }
}

extension [IssuedCode] {
  /// The ids of the codes.
  var ids: [CodeID] { map(\.id) }
}
