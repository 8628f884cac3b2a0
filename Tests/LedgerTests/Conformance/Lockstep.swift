import MemoryStore
import Provisioning

/// Asks two ledgers the same, at random, and compares what they answer and hold.
struct Lockstep {
  let memory: any LedgerUnderTest
  let postgres: any LedgerUnderTest
  var random: SeededRandom
  let mint = CodeMint()
  private var jobs: [JobID] = []
  private var inHand: [ClaimedCall] = []
  private var ended: [(claimed: ClaimedCall, settlement: Settlement)] = []
  var shown: [IssuedCode] = []
  private var lastCall = 0
  var lastListing = 0
  private var answers: [String] = []
  var doubts: [(worker: WorkerID, doubt: DoubtCase)] = []
  var watches: [(worker: WorkerID, watch: WatchCase)] = []
  var trackedRewards: [(worker: WorkerID, reward: TrackedReward)] = []
  private(set) var claims = 0
  private(set) var settlements = 0

  init(memory: any LedgerUnderTest, postgres: any LedgerUnderTest, seed: UInt64) {
    self.memory = memory
    self.postgres = postgres
    random = SeededRandom(seed: seed)
  }

  /// Does one thing to both.
  /// - Returns: What it was.
  mutating func step() async throws -> String {
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<8: try await insert()
    case 8..<26: try await claim()
    case 26..<42: try await settle()
    case 42..<46: try await repeatSettlement()
    case 46..<50: try await lateEvidence()
    case 50..<58: try await pass()
    case 58..<63: try await heartbeat()
    case 63..<64: try await renew()
    case 64..<65: try await prune()
    case 65..<68: try await probe()
    case 68..<71: try await edit()
    case 71..<74: try await pace()
    case 74..<82: try await track()
    default: try await reconcile()
    }
  }

  /// How the two differ now, and what the last request was answered differently.
  mutating func differences(inCodes: Bool) async throws -> [String] {
    let told = answers
    answers = []
    let one = try await memory.facts(withCodes: inCodes)
    return told + one.differences(from: try await postgres.facts(withCodes: inCodes))
  }

  var worker: WorkerID {
    mutating get { Samples.worker(Int.random(in: 1...2, using: &random)) }
  }

  private mutating func newRequest() -> ClaimRequest {
    lastCall += 1
    return ClaimRequest(
      call: Samples.call(lastCall),
      worker: worker,
      lengths: Samples.lengths(
        lease: .seconds(5),
        apiTimeout: .seconds(Int.random(in: 1...3, using: &random)),
        listingGap: .seconds(1)
      )
    )
  }

  mutating func compare<Value: Equatable>(_ one: Value, _ other: Value) {
    if one != other { answers.append("answer: \(one)\n      != \(other)") }
  }

  private mutating func insert() async throws -> String {
    let orders = (0..<Int.random(in: 1...2, using: &random)).map { _ in
      JobOrder(
        reward: Samples.reward(Int.random(in: 1...3, using: &random)),
        count: Int.random(in: 1...2500, using: &random),
        prefix: Bool.random(using: &random) ? "A" : nil,
        priority: Int.random(in: 4...5, using: &random),
        delay: .milliseconds(max(0, Int.random(in: -3000...3000, using: &random))),
        producer: [nil, "shop", "desk"].randomElement(using: &random) ?? nil
      )
    }
    let ids = try await memory.insert(orders)
    compare(ids, try await postgres.insert(orders))
    jobs += ids
    return "insert"
  }

  private mutating func claim() async throws -> String {
    let request = newRequest()
    let claim = try await memory.store.claim(request)
    compare(claim, try await postgres.store.claim(request))
    take(claim)
    return "claim"
  }

  private mutating func take(_ claim: Claim) {
    guard case .call(let claimed) = claim else { return }
    inHand.append(claimed)
    claims += 1
  }

  private mutating func settle() async throws -> String {
    guard let index = inHand.indices.randomElement(using: &random) else { return "nothing" }
    let claimed = inHand.remove(at: index)
    let settlement = settlement(of: claimed)
    ended.append((claimed, settlement))
    let next = Bool.random(using: &random) ? newRequest() : nil
    let one = await memory.store.settle(settlement, thenClaim: next)
    let other = await postgres.store.settle(settlement, thenClaim: next)
    compare(try one.settled.get(), try other.settled.get())
    compare(try one.claim?.get(), try other.claim?.get())
    if let claim = try one.claim?.get() { take(claim) }
    settlements += 1
    return "settle \(settlement.result)"
  }

  private mutating func record(_ settlement: Settlement) async throws {
    let one = await memory.store.settle(settlement, thenClaim: nil)
    let other = await postgres.store.settle(settlement, thenClaim: nil)
    compare(try one.settled.get(), try other.settled.get())
  }

  private mutating func repeatSettlement() async throws -> String {
    guard let old = ended.randomElement(using: &random) else { return "nothing" }
    try await record(old.settlement)
    return "repeat \(old.settlement.result)"
  }

  private mutating func lateEvidence() async throws -> String {
    guard let old = ended.randomElement(using: &random) else { return "nothing" }
    let settlement = settlement(of: old.claimed)
    try await record(settlement)
    return "late \(settlement.result) for \(old.settlement.result)"
  }

  private mutating func settlement(of claimed: ClaimedCall) -> Settlement {
    SettlementRule.settle(
      claimed.call,
      by: worker,
      lengths: Samples.lengths(),
      report: CallReport(
        outcome: outcome(of: claimed.call),
        httpStatus: 200,
        duration: .milliseconds(9)
      ),
      team: Int.random(in: 0..<20, using: &random) == 0
        ? .refused(code: "key", message: "refused") : .accepted,
      jitter: .random(in: 0..<1, using: &random)
    )
  }

  private mutating func outcome(of call: Call) -> CallOutcome {
    switch Int.random(in: 0..<60, using: &random) {
    case 0: refusal(.request, 404)
    case 1: refusal(.credentials, 401)
    case 2..<8: refusal(.forbidden, 403)
    case 8: refusal(.pace(pause: .milliseconds(700)), 429)
    case 9..<13: .unknown(.timeout)
    case 13: .unsent(.noConnection("refused"))
    case 14..<17: .unsent(.leaseLost)
    default: .issued(answer(call))
    }
  }

  private func refusal(_ scope: Rejection.Scope, _ status: Int) -> CallOutcome {
    .rejected(Rejection(scope: scope, code: "c\(status)", message: "m"))
  }

  /// Exact, short, long or empty, with codes shown before and codes of other rewards among them; with
  /// the prefix or without; at times the answer of another call.
  private mutating func answer(_ call: Call) -> Answer {
    let others = ended.map(\.settlement).filter {
      $0.call.reward == call.reward && !$0.codes.isEmpty
    }
    if Int.random(in: 0..<12, using: &random) == 0,
      let other = others.randomElement(using: &random)
    {
      return Answer(codes: other.codes, nulls: 0, body: [])
    }
    let number = [call.size, 3, 2, 1, 0, call.size + 3].randomElement(using: &random) ?? 0
    let isLiteral = Int.random(in: 0..<5, using: &random) > 0
    let prefix = isLiteral ? call.prefix ?? "CODE-" : "CODE-"
    var codes = mint.make(number, of: call.reward, prefix: prefix)
    if Int.random(in: 0..<4, using: &random) == 0 {
      codes += (0..<3).compactMap { _ in shown.randomElement(using: &random) }
      codes += mint.make(1, of: Samples.reward(9))
      codes.shuffle(using: &random)
    }
    shown += codes.prefix(5)
    return Answer(codes: codes, nulls: number == 2 ? 1 : 0, body: [])
  }

  private mutating func pass() async throws -> String {
    let time = passing()
    try await memory.pass(time)
    try await postgres.pass(time)
    return "pass \(time)"
  }

  /// Mostly moments, at times as long as a reward pauses.
  private mutating func passing() -> Duration {
    let isLong = Int.random(in: 0..<4, using: &random) == 0
    return .milliseconds(Int.random(in: 1...(isLong ? 40_000 : 2500), using: &random))
  }

  private mutating func heartbeat() async throws -> String {
    let limits = Limits(
      requestsPerSecond: [7, 30, 400].randomElement(using: &random) ?? 1,
      burst: Int.random(in: 1...3, using: &random),
      maxInFlight: Int.random(in: 3...8, using: &random),
      maxInFlightPerReward: Int.random(in: 1...4, using: &random)
    )
    let presence = Samples.presence(worker, limits: limits, lifetime: .seconds(4))
    let one = try await memory.store.heartbeat(presence)
    let other = try await postgres.store.heartbeat(presence)
    compare(Set(one.expired), Set(other.expired))
    // Each by a person of its own.
    compare(one.steered.map(\.what), other.steered.map(\.what))
    compare(one.next, other.next)
    compare(one.block, other.block)
    compare(one.isReconcilingDue, other.isReconcilingDue)
    compare(one.isAPIFailing, other.isAPIFailing)
    compare(one.maxInFlight, other.maxInFlight)
    return "heartbeat"
  }

  /// What only the pace and the limiter are asked.
  private mutating func pace() async throws -> String {
    if let claimed = inHand.randomElement(using: &random), Bool.random(using: &random) {
      let worker = worker
      compare(
        try await memory.store.moveSlot(claimed.call.id, worker: worker),
        try await postgres.store.moveSlot(claimed.call.id, worker: worker)
      )
      return "move slot"
    }
    let feedback = PaceFeedback(
      isRefusal: Int.random(in: 0..<3, using: &random) == 0,
      pause: [nil, .milliseconds(300)].randomElement(using: &random) ?? nil,
      ceiling: [nil, 2.5, 60].randomElement(using: &random) ?? nil
    )
    let age = Duration.milliseconds(Int.random(in: 0...2000, using: &random))
    try await memory.store.applyFeedback(feedback, age: age)
    try await postgres.store.applyFeedback(feedback, age: age)
    return "feedback \(feedback)"
  }

  private mutating func renew() async throws -> String {
    let calls = inHand.prefix(3).map(\.call.id)
    let worker = worker
    compare(
      try await memory.store.renew(calls, worker: worker, lease: .seconds(6)),
      try await postgres.store.renew(calls, worker: worker, lease: .seconds(6))
    )
    return "renew"
  }

  private mutating func probe() async throws -> String {
    // A refusal stops all claims until another probe.
    let answers: [TeamAnswer] =
      [.refused(code: "no", message: "key"), .unreachable("gone")]
      + Array(repeating: .accepted, count: 5)
    let answer = answers.randomElement(using: &random) ?? .accepted
    try await memory.store.recordProbe(answer)
    try await postgres.store.recordProbe(answer)
    return "probe \(answer)"
  }

  private mutating func edit() async throws -> String {
    guard let job = jobs.randomElement(using: &random) else { return "nothing" }
    let call = (inHand + ended.map(\.claimed)).randomElement(using: &random)?.call.id
    let limits = SetLimits(
      requestsPerSecond: [nil, 3, 90].randomElement(using: &random) ?? nil,
      burst: [nil, 2].randomElement(using: &random) ?? nil,
      maxInFlight: [nil, 4].randomElement(using: &random) ?? nil,
      maxInFlightPerReward: [nil, 2].randomElement(using: &random) ?? nil
    )
    let edits: [LedgerEdit] =
      [.limits(limits), .pause(job), .resume(job), .resume(job), .retry(job), .retry(job)]
      + [.priority(job, Int.random(in: 3...6, using: &random))]
      + (Int.random(in: 0..<2, using: &random) == 0 ? [.cancel(job)] : [])
      + (call.map { [.absent($0), .absent($0)] } ?? [])
      + (inHand.first.map { [.lose($0.call.id)] } ?? [])
    guard let edit = edits.randomElement(using: &random) else { return "nothing" }
    compare(try await memory.edit(edit), try await postgres.edit(edit))
    return "edit \(edit)"
  }

  /// Forgets old calls; here those of some seconds ago are old.
  private mutating func prune() async throws -> String {
    let age = Duration.seconds(Int.random(in: 1...20, using: &random))
    let limit = Int.random(in: 1...20, using: &random)
    let one = try await memory.store.pruneCalls(olderThan: age, atMost: limit)
    compare(one, try await postgres.store.pruneCalls(olderThan: age, atMost: limit))
    return "prune \(one.number)"
  }
}

extension SteeredJob {
  fileprivate var what: String { "\(job) \(action) \(before) \(after)" }
}
