import MemoryStore
import Provisioning

/// What everybody in one simulation shares, and the laws that hold after every step.
///
/// The ledger checks itself after every request (`MemoryLedger.brokenInvariants`). The laws here
/// know more than the ledger: which requests were sent, and which codes they made.
final class Stage: @unchecked Sendable {
  let world: World
  let store: MemoryStore
  let databaseClock: WorldClock
  var chaos: Chaos
  /// What the ledger is made to do wrong.
  let sabotage: Sabotage?
  var isDatabaseDown = false
  /// How far the API's clock has been set ahead, in nanoseconds.
  var apiAhead: Int64 = 0
  /// Rewards of which a call made another number of codes than it was asked for.
  private var miscounted: Set<RewardID> = []
  /// Rewards whose list had a null, or of which a person has decided to ask for more though it could
  /// not be listed.
  var unseen: Set<RewardID> = []
  /// Rewards of which an answer did not show what was made.
  var veiled: Set<RewardID> = []
  /// Codes that somebody else made.
  var rivals = 0
  var tally = Tally()
  /// Set once, when there are workers.
  weak var crew: Crew?
  weak var api: SimulatedAPI?

  /// Codes that were made for a call and are not in the ledger yet.
  private var unaccounted: [CodeID: Call] = [:]
  /// Codes that the API makes beyond what it was asked for.
  private var excess: [RewardID: Int] = [:]
  private var history = History()
  private let start: Int64

  init(_ world: World, _ sabotage: Sabotage?) {
    self.world = world
    self.sabotage = sabotage
    start = world.now
    chaos = Chaos(in: world)
    databaseClock = WorldClock(world)
    store = MemoryStore(clock: databaseClock)
    world.note("the world: \(chaos)")
  }

  /// What the API's clock shows, in nanoseconds.
  var apiClock: Int64 {
    let drifted = Int64(Double(world.now - start) * chaos.clockDrift)
    return world.now + drifted + chaos.clockOffset * 1000 + apiAhead
  }

  /// When the lease of a call ends, by the world's time.
  func leaseEnd(of call: Call) -> Int64? {
    store.ledger.calls[call.id]?.leaseExpiresAt.map { $0 * 1000 - databaseClock.ahead }
  }

  /// A call was committed as `sending`.
  func claimed(_ call: Call, _ host: Host) {
    world.note(
      "\(host.name) claims \(call.id.short) of job \(call.job), \(call.size) of \(call.reward.short)"
    )
    tally.calls += 1
    let isDoubted = store.ledger.calls.values.contains {
      $0.call.reward == call.reward && $0.state == .inDoubt && $0.heldAt == nil
    }
    if isDoubted { world.fail("call \(call.id.short) was claimed beside a doubtful one") }
    if store.ledger.rewards[call.reward]?.awaitsListing ?? false {
      world.fail("call \(call.id.short) was claimed before the reward was listed")
    }
  }

  /// A request's body leaves for the API.
  func handOver(_ call: Call, _ host: Host) {
    world.note("\(host.name) sends \(call.id.short)")
    guard let row = store.ledger.calls[call.id] else {
      return world.fail("call \(call.id.short) was sent before it was committed")
    }
    guard chaos.bounds.isSteady, chaos.bounds.isLeased else { return }
    if row.state != .sending {
      world.fail("call \(call.id.short) was sent when it was \(row.state.rawValue)")
    }
  }

  /// The API is going to make so many codes for a call.
  func expects(_ number: Int, of call: Call) {
    if number != 0, number != call.size { miscounted.insert(call.reward) }
    if number > call.size { excess[call.reward, default: 0] += number - call.size }
  }

  /// Codes exist upstream from now on.
  func made(_ codes: [CodeID], for id: CallID) {
    let ledger = store.ledger
    guard let call = ledger.calls[id] else {
      return world.fail("codes were made for a call that the ledger does not know")
    }
    for code in codes { unaccounted[code] = call.call }
    if call.state == .absent, chaos.bounds.isJudgementExact {
      world.fail("call \(id.short) made codes after it was judged absent")
    }
    if call.state == .adopted, chaos.bounds.isJudgementExact, isAttributionExact(call.call.reward) {
      world.fail("call \(id.short) made codes after it was adopted with another's")
    }
    checkCodes()
  }

  /// Whether a doubtful call is adopted only once it has made its codes. Codes that an answer kept back
  /// can be taken for a call's if the list hid them as nulls when it was read for them.
  private func isAttributionExact(_ reward: RewardID) -> Bool {
    !miscounted.contains(reward) && !(veiled.contains(reward) && unseen.contains(reward))
  }

  /// Something was committed, or refused.
  func checkCommit() {
    if let first = store.brokenInvariants.first { world.fail(first) }
    checkCodes()
  }

  /// The end of a call was committed.
  func settled(_ settlement: Settlement, _ receipt: SettleReceipt) {
    let ledger = store.ledger
    let call = settlement.call
    if receipt.job != nil, settlement.codes.contains(where: { ledger.codes[$0.id] == nil }) {
      world.fail("codes that the answer of call \(call.id.short) proved are not in the ledger")
    }
    if settlement.result == .unsent, api?.handedOver.contains(call.id) ?? false {
      world.fail("call \(call.id.short) was given back and had been sent")
    }
    compare(ledger, settlement.codes, call.id)
  }

  /// A reconciler's decision was committed, or refused.
  func decided(_ decision: DoubtDecision, _ answer: DecisionAnswer, _ host: Host) {
    let counts = [decision.adopted.count, decision.absent.count, decision.held.count]
    world.note("\(host.name) decides \(counts) for \(decision.reward.short): \(answer)")
    tally.voidDecisions += answer == .changed ? 1 : 0
    guard answer.isDone else { return }
    checkCodes()
    let absent = Set(decision.absent)
    let overlooked = unaccounted.values.filter { absent.contains($0.id) }
    // Codes are interchangeable: what a short answer still lacks is found by the listing that follows.
    if chaos.bounds.isJudgementExact, overlooked.count > lacking(decision.reward),
      let call = overlooked.map(\.id).min()
    {
      world.fail("call \(call.short) was judged absent and had made codes")
    }
    compare(store.ledger, decision.adopted.flatMap(\.codes), nil)
    tally.doubts += decision.judged.count
    tally.adopted += counts[0]
    tally.absent += counts[1]
    tally.held += counts[2]
  }

  /// How many codes short answers of a reward may have kept back.
  private func lacking(_ reward: RewardID) -> Int {
    let ledger = store.ledger
    let short = ledger.calls.values.filter { $0.isShort && $0.call.reward == reward }.map(\.call)
    return short.reduce(0) { sum, call in
      sum + max(0, call.size - ledger.codes.values.count { $0.call == call.id })
    }
  }

  /// What a listing of a watched reward found was committed, or refused.
  func concluded(_ watch: WatchFinding, _ answer: WatchAnswer, _ host: Host) {
    world.note("\(host.name) watched \(watch.reward.short), found \(watch.codes.count): \(answer)")
    compare(store.ledger, watch.codes, nil)
  }

  private func compare(_ ledger: MemoryLedger, _ codes: [IssuedCode], _ call: CallID?) {
    let moved = history.compare(ledger, codes.map(\.id), call.map { [$0] } ?? [])
    if let moved { world.fail(moved) }
  }

  /// Every code upstream that is ours is in the ledger, or its call is sending or in doubt, or its
  /// reward is watched.
  private func checkCodes() {
    guard !unaccounted.isEmpty else { return }
    let ledger = store.ledger
    var lost: [Call: Int] = [:]
    for (id, call) in unaccounted {
      if ledger.codes[id] != nil || ledger.unattributed[id] != nil || ledger.rawCodes[id] != nil {
        unaccounted[id] = nil
        continue
      }
      let isOpen = ledger.calls[call.id]?.state.holdsRoom ?? false
      if !isOpen, ledger.watches[call.reward]?.nextListingAt == nil { lost[call, default: 0] += 1 }
    }
    for (reward, calls) in Dictionary(grouping: lost, by: \.key.reward) {
      // What a call made beyond its size was never asked for.
      let number = calls.reduce(0) { $0 + min($1.value, $1.key.size) }
      if number > mistaken(reward, ledger), let call = calls.map(\.key.id).min() {
        world.fail("codes of call \(call.short) are lost")
      }
    }
  }

  /// Codes of somebody else that count as ours, or that nobody asked for: so many of ours can be
  /// overlooked in their place, since nobody can tell them apart. Where clocks are set there is no
  /// bound: `createdAt` misleads until an answer contradicts it.
  private func mistaken(_ reward: RewardID, _ ledger: MemoryLedger) -> Int {
    guard chaos.bounds.isSteady else { return .max }
    guard rivals > 0, let api else { return excess[reward] ?? 0 }
    return (excess[reward] ?? 0)
      + (api.codes[reward] ?? []).count { made in
        made.call == nil && !(ledger.codes[made.code.id]?.isSurplus ?? true)
      }
  }

  /// Checks at the end that every code is in the ledger, or its call is held, and that none was asked
  /// for twice.
  func checkEnd() {
    let ledger = store.ledger
    checkCodes()
    let overlooked = unaccounted.filter { ledger.calls[$0.value.id]?.heldAt == nil }
    if rivals == 0, excess.isEmpty, chaos.bounds.isSteady,
      let call = overlooked.values.map(\.id).min()
    {
      world.fail("codes of call \(call.short) are not in the ledger at the end")
    }
    tally.overlooked = overlooked.count
    let moved = history.compare(ledger, Array(ledger.codes.keys), Array(ledger.calls.keys))
    if let moved { world.fail(moved) }
    if chaos.bounds.isJudgementExact { checkSurplus(ledger) }
    tally.codes = ledger.codes.count
    tally.surplus = ledger.codes.values.count(where: \.isSurplus)
    tally.rivals = rivals
    tally.events = world.log.count
    tally.steps = world.steps
  }

  /// Checks that no call made what its job had no room for. Which code is surplus says nothing, since
  /// codes are interchangeable: their number does.
  private func checkSurplus(_ ledger: MemoryLedger) {
    let surplus = ledger.codes.values.filter(\.isSurplus).map(\.code)
    for (reward, codes) in Dictionary(grouping: surplus, by: \.reward) {
      guard !miscounted.contains(reward), !unseen.contains(reward) else { continue }
      // Where prefixes are not taken literally, nothing tells whose an answer's missing code is.
      if veiled.contains(reward), !chaos.isPrefixLiteral { continue }
      let calls = codes.compactMap { api?.maker[$0.id] }
      if calls.count > (veiled.contains(reward) ? spare(reward, ledger) : 0), let call = calls.min()
      {
        world.fail("call \(call.short) made what its job had no room for: it was asked for twice")
      }
    }
  }

  /// How many codes were made for jobs that ended before a listing showed what an answer had kept back:
  /// such jobs have no room for them.
  private func spare(_ reward: RewardID, _ ledger: MemoryLedger) -> Int {
    let over = ledger.jobs.values.filter {
      $0.reward == reward && ($0.state == .failed || $0.state == .cancelled)
    }
    let jobs = Set(over.map(\.id))
    let made = (api?.codes[reward] ?? []).compactMap {
      $0.call.flatMap { ledger.calls[$0]?.call.job }
    }
    return made.count(where: jobs.contains) - over.reduce(0) { $0 + $1.issued }
  }

  /// Jobs that are neither finished nor held with a reason, and doubts that nobody has decided.
  var unfinished: [String] {
    let ledger = store.ledger
    let reasons = ledger.calls.values.filter { $0.heldAt != nil && $0.holdReason != nil }
    let explained = Set(reasons.map(\.call.job))
    let jobs = ledger.jobs.values.filter {
      !$0.state.isTerminal && !($0.held && ($0.errorCode != nil || explained.contains($0.id)))
    }
    let doubts = ledger.calls.values.filter {
      $0.state == .sending || $0.state == .inDoubt && $0.heldAt == nil
    }
    return jobs.map { "job \($0.id) is \($0.state.rawValue), \($0.issued) of \($0.count)" }
      + doubts.map { "call \($0.call.id.short) is \($0.state.rawValue)" }
  }

  /// Whether a reward is still to be listed again.
  var isWatching: Bool { store.ledger.watches.values.contains { $0.nextListingAt != nil } }
}

/// What the ledger said before, for the laws about what may never change.
private struct History {
  private var codes: [CodeID: CodeRow] = [:]
  private var calls: [CallID: CallState] = [:]

  /// Compares rows with what they were at the last comparison.
  /// - Returns: A sentence about the first law that a change broke.
  mutating func compare(_ ledger: MemoryLedger, _ shown: [CodeID], _ asked: [CallID]) -> String? {
    for id in shown {
      defer { codes[id] = ledger.codes[id] }
      guard let old = codes[id] else { continue }
      guard let new = ledger.codes[id] else { return "code \(id) has left the ledger" }
      if !old.isSurplus, old != new { return "code \(id) was counted and has moved" }
    }
    for id in asked {
      defer { calls[id] = ledger.calls[id]?.state }
      guard let old = calls[id], let new = ledger.calls[id]?.state, old != new else { continue }
      if !Self.may(old).contains(new) {
        return "call \(id.short) went from \(old.rawValue) to \(new.rawValue)"
      }
    }
    return nil
  }

  /// Where a call can go from a state, in however many steps.
  private static func may(_ state: CallState) -> Set<CallState> {
    switch state {
    case .sending: [.issued, .rejected, .unsent, .inDoubt, .adopted, .absent]
    case .inDoubt: [.issued, .rejected, .unsent, .adopted, .absent]
    case .unsent, .absent: [.issued]
    case .issued, .rejected, .adopted: []
    }
  }
}
