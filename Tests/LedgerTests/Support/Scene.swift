import MemoryStore
import Provisioning
import Synchronization
import Testing

/// A ledger with a worker at it, and short words for what tests do.
final class Scene: Sendable {
  let ledger: any LedgerUnderTest
  let mint = CodeMint()
  private let lastCall = Mutex(0)
  private let lastListing = Mutex(0)

  static let reward = Samples.reward(1)
  static let otherReward = Samples.reward(2)
  static let worker = Samples.worker(1)
  static let otherWorker = Samples.worker(2)
  /// So fast that slots do not matter.
  static let fast = Limits(
    requestsPerSecond: 1000,
    burst: 1000,
    maxInFlight: 100,
    maxInFlightPerReward: 100
  )

  private init(_ ledger: any LedgerUnderTest) {
    self.ledger = ledger
  }

  /// Lends a ledger of this kind at which one worker has announced itself.
  static func lend(
    _ kind: LedgerKind,
    limits: Limits = fast,
    _ body: (Scene) async throws -> Void
  ) async throws {
    try await withLedger(kind) { try await over($0, limits: limits, body) }
  }

  /// Lets a worker announce itself at this ledger.
  static func over(
    _ ledger: any LedgerUnderTest,
    limits: Limits = fast,
    _ body: (Scene) async throws -> Void
  ) async throws {
    let scene = Scene(ledger)
    try await scene.heartbeat(limits: limits)
    try await body(scene)
  }

  func now() async throws -> Int64 { try await ledger.now() }

  func newCall() -> CallID {
    Samples.call(
      lastCall.withLock { number in
        number += 1
        return number
      }
    )
  }

  func newListing() -> ListingID {
    Samples.listing(
      lastListing.withLock { number in
        number += 1
        return number
      }
    )
  }

  func insert(
    _ count: Int,
    of reward: RewardID = reward,
    prefix: String? = nil,
    priority: Int = Bounds.defaultPriority,
    delay: Duration = .zero,
    by producer: String? = nil
  ) async throws -> JobID {
    let order = JobOrder(
      reward: reward,
      count: count,
      prefix: prefix,
      priority: priority,
      delay: delay,
      producer: producer
    )
    return try await ledger.insert([order])[0]
  }

  @discardableResult
  func heartbeat(worker: WorkerID = worker, limits: Limits = fast) async throws -> Heartbeat {
    try await ledger.store.heartbeat(Samples.presence(worker, limits: limits))
  }

  func request(_ call: CallID? = nil, worker: WorkerID = worker) -> ClaimRequest {
    ClaimRequest(
      call: call ?? newCall(),
      worker: worker,
      lengths: Samples.lengths(lease: .seconds(10))
    )
  }

  func ask(worker: WorkerID = worker) async throws -> Claim {
    try await ledger.store.claim(request(worker: worker))
  }

  /// Claims a call that has to be there.
  func claim(worker: WorkerID = worker) async throws -> ClaimedCall {
    let claim = try await ask(worker: worker)
    guard case .call(let claimed) = claim else {
      throw MissingRow("call to claim: \(claim)")
    }
    return claimed
  }

  /// The settlement of a call that ended so.
  func settlement(
    _ claimed: ClaimedCall,
    _ outcome: CallOutcome,
    worker: WorkerID = worker,
    team: TeamAnswer? = nil,
    status: Int = 201,
    jitter: Double = 0.5
  ) -> Settlement {
    SettlementRule.settle(
      claimed.call,
      by: worker,
      lengths: Samples.lengths(),
      report: CallReport(outcome: outcome, httpStatus: status, duration: .milliseconds(70)),
      team: team,
      jitter: jitter
    )
  }

  @discardableResult
  func settle(_ settlement: Settlement) async throws -> SettleReceipt {
    try await ledger.store.settle(settlement, thenClaim: nil).settled.get()
  }

  @discardableResult
  func settle(_ claimed: ClaimedCall, _ outcome: CallOutcome) async throws -> SettleReceipt {
    try await settle(settlement(claimed, outcome))
  }

  /// An answer with new codes, as many as asked for if nothing else is said.
  func answer(_ claimed: ClaimedCall, codes: Int? = nil, nulls: Int = 0) -> CallOutcome {
    let made = mint.make(codes ?? claimed.call.size, of: claimed.call.reward)
    return .issued(Answer(codes: made, nulls: nulls, body: []))
  }

  /// A refusal with this status.
  static func refusal(_ scope: Rejection.Scope, _ status: Int) -> CallOutcome {
    .rejected(Rejection(scope: scope, code: "c\(status)", message: "m\(status)"))
  }

  /// Lists the reward whose watch is due, if there is one, and finds these codes.
  @discardableResult
  func listWatched(finding codes: [IssuedCode] = []) async throws -> WatchAnswer? {
    guard let watch = try await ledger.store.takeWatch(Self.worker, lease: .seconds(30)) else {
      return nil
    }
    return try await conclude(watch, finding: codes)
  }

  func job(_ id: JobID) async throws -> JobRow { try await ledger.facts().job(id) }
  func call(_ claimed: ClaimedCall) async throws -> CallRow {
    try await ledger.facts().call(claimed.call.id)
  }
  func watchRow(_ id: RewardID = reward) async throws -> WatchRow {
    try await ledger.facts().watch(id)
  }
  func reward(_ id: RewardID = reward) async throws -> RewardRow {
    try await ledger.facts().reward(id)
  }
}
