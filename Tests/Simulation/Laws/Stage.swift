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
  let nature: Nature
  /// What the ledger is made to do wrong.
  let sabotage: Sabotage?
  var isDatabaseDown = false
  /// How far the API's clock has been set ahead, in nanoseconds.
  var apiAhead: Int64 = 0
  /// Calls that were held at some time.
  var wasHeld: Set<CallID> = []
  /// What may be the reason for holding a call.
  var troubles = Troubles()
  /// Rewards of which a call made another number of codes than it was asked for.
  private(set) var miscounted: Set<RewardID> = []
  /// Rewards whose list had a null.
  var unseen: Set<RewardID> = []
  /// Rewards of which a person has decided to ask for more though they could not be listed.
  var askedUnseen: Set<RewardID> = []
  /// Rewards of which an answer did not show what was made.
  var veiled: Set<RewardID> = []
  /// Rewards of which a call got an answer with codes of another one.
  var swapped: Set<RewardID> = []
  /// Codes that somebody else made while jobs were done.
  private(set) var rivals = 0
  /// Rewards of which somebody else made codes, before or since.
  private(set) var foreigners: Set<RewardID> = []
  /// Rewards of which somebody made codes long before.
  var oldOnly: Set<RewardID> = []
  /// Rewards that have been listed for what a failover or a restore lost.
  var restored: Set<RewardID> = []
  /// Since when the ledger does not know what it did: the dump or the last commit that is left.
  var lostSince = Int64.max
  /// Rewards of which a failover lost a claim whose worker died.
  var orphaned: Set<RewardID> = []
  /// Whether codes of a job have been purged.
  var isAnythingPurged = false
  var tally = Tally()
  /// Set once, when there are workers.
  weak var crew: Crew?
  weak var api: SimulatedAPI?

  /// Every call that was claimed, and its host.
  var sent: [CallID: Call] = [:]
  var senders: [CallID: Host] = [:]
  /// Codes that count, as they were when they were last looked at.
  var counted: [CodeID: CodeRow] = [:]
  /// Prefixes that answers have shown codes to begin with.
  var literal: Set<PrefixOf> = []
  /// Codes that were made for a call and are not in the ledger yet.
  var unaccounted: [CodeID: Call] = [:]
  /// Codes that the API makes beyond what it was asked for, or that no database takes.
  private(set) var excess: [RewardID: Int] = [:]
  /// Ledgers as they were after the latest commits, where a failover is to come.
  var commits: [(time: Int64, ledger: MemoryLedger)] = []
  var undecided: [CallID: Int64] = [:]
  var history = History()
  private let start: Int64

  init(_ world: World, _ sabotage: Sabotage?) {
    self.world = world
    self.sabotage = sabotage
    start = world.now
    chaos = Chaos(in: world)
    nature = Nature(in: world, rewards: (1...3).map(Samples.reward))
    databaseClock = WorldClock(world)
    store = MemoryStore(clock: databaseClock)
    world.note("the world: \(chaos)")
    world.note("the API: \(nature)")
  }

  /// What the clock shows of the API's machine that has a request now, in nanoseconds.
  func readAPIClock() -> Int64 {
    let drifted = Int64(Double(world.now - start) * chaos.clockDrift)
    let ahead = chaos.clockOffset * 1000 + apiAhead + nature.machines.ahead(in: world)
    return world.now + drifted + ahead
  }

  /// When the lease of a call ends, by the world's time.
  func leaseEnd(of call: Call) -> Int64? {
    store.ledger.calls[call.id]?.leaseExpiresAt.map { $0 * 1000 - databaseClock.ahead }
  }

  /// A call was committed as `sending`.
  func claimed(_ call: Call, _ host: Host) {
    world.note(
      "\(host.name) claims \(call.id.short) of job \(call.job), \(call.size) of \(call.reward.short)"
        + " \(call.prefix ?? "")"
    )
    tally.calls += 1
    sent[call.id] = call
    senders[call.id] = host
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
      // A failover can lose a claim that its worker was told of.
      if !chaos.bounds.isDurable { return }
      return world.fail("call \(call.id.short) was sent before it was committed")
    }
    // The clock of a server that takes over may be ahead: what it thinks over is not, for the worker.
    guard chaos.bounds.isSteady, chaos.bounds.isLeased, chaos.otherClock == .zero else { return }
    if row.state != .sending {
      world.fail("call \(call.id.short) was sent when it was \(row.state.rawValue)")
    }
  }

  /// The API is going to make so many codes for a call.
  func expects(_ number: Int, of call: Call) {
    if number != 0, number != call.size { miscounted.insert(call.reward) }
    if number > call.size { excess[call.reward, default: 0] += number - call.size }
  }

  /// A code is made that no database takes: another one is asked for in its place.
  func expectsUnstorable(of call: Call) {
    excess[call.reward, default: 0] += 1
  }

  /// Two calls get each other's answer.
  func swap(_ one: CallID, _ other: CallID) {
    guard let one = sent[one], let other = sent[other] else { return }
    swapped.insert(one.reward)
    mayBelieve(one, codesOf: other)
    mayBelieve(other, codesOf: one)
  }

  /// A call gets the answer of another one once more. The other one's own answer may have kept codes back.
  func replay(of maker: CallID?, to call: Call) {
    swapped.insert(call.reward)
    guard let maker, let lost = sent[maker], unaccounted.values.contains(lost) else { return }
    mayBelieve(call, codesOf: lost)
  }

  /// A call gets an answer that was another one's. One that cannot be told from its own is believed. If the
  /// other one's is lost, the codes of the believed call have a prefix that keeps the other call from being
  /// them.
  private func mayBelieve(_ believed: Call, codesOf lost: Call) {
    guard canBeTaken(codesOf: lost, for: believed), !canBeTaken(codesOf: believed, for: lost) else {
      return
    }
    excess[believed.reward, default: 0] += believed.size
  }

  /// Somebody else has made codes.
  func foreign(_ number: Int, _ reward: RewardID) {
    rivals += number
    foreigners.insert(reward)
  }

  /// Codes exist upstream from now on.
  func made(_ codes: [CodeID], for id: CallID) {
    guard let call = sent[id] else {
      return world.fail("codes were made for a call that nobody claimed")
    }
    for code in codes { unaccounted[code] = call }
    if senders[id]?.state == .dead, store.ledger.calls[id] == nil { orphaned.insert(call.reward) }
    checkOrdered(call.reward)
    if let row = store.ledger.calls[id] {
      if row.state == .absent, chaos.bounds.isJudgementExact, chaos.bounds.isDurable {
        world.fail("call \(id.short) made codes after it was judged absent")
      }
      if row.state == .adopted, chaos.bounds.isJudgementExact, isAttributionExact(call.reward) {
        world.fail("call \(id.short) made codes after it was adopted with another's")
      }
    } else if chaos.bounds.isDurable {
      world.fail("codes were made for a call that the ledger does not know")
    }
    checkCodes()
  }

  /// Whether a doubtful call is adopted only once it has made its codes. Codes that an answer kept back
  /// can be taken for a call's, since codes are interchangeable.
  private func isAttributionExact(_ reward: RewardID) -> Bool {
    chaos.bounds.isDurable && !miscounted.contains(reward) && !veiled.contains(reward)
      && (nature.areTimesTrue || !oldOnly.contains(reward))
  }

  /// Something was committed, or refused.
  func checkCommit() {
    if let first = store.brokenInvariants.first { world.fail(first) }
    let ledger = store.ledger
    troubles.look(
      ledger,
      at: world.now,
      ledgerTime: databaseClock.now.nanoseconds / 1000
    )
    if chaos.failovers > 0 {
      commits.append((world.now, ledger))
      commits.removeAll { $0.time < world.now - Duration.seconds(2).nanoseconds }
    }
    checkCodes()
  }

  /// The end of a call was committed.
  func settled(_ settlement: Settlement, _ receipt: SettleReceipt) {
    let ledger = store.ledger
    let call = settlement.call
    // Codes that lack a literal prefix are another call's, and are set aside.
    let isLost = { (code: IssuedCode) in
      ledger.codes[code.id] == nil && ledger.unattributed[code.id] == nil
    }
    if receipt.job != nil, settlement.codes.contains(where: isLost) {
      world.fail("codes that the answer of call \(call.id.short) proved are not in the ledger")
    }
    if settlement.result == .unsent, api?.handedOver[call.id] != nil {
      world.fail("call \(call.id.short) was given back and had been sent")
    }
    sawAnswer(settlement)
    checkCounted()
    compare(ledger, settlement.codes.map(\.id), call.id)
  }

  /// A reconciler's decision was committed, or refused.
  func decided(_ decision: DoubtDecision, _ answer: DecisionAnswer, _ host: Host) {
    let counts = [decision.adopted.count, decision.absent.count, decision.held.count]
    let reason = decision.holdReason.map { " \($0.rawValue)" } ?? ""
    let decided = "decides \(counts)\(reason) for \(decision.reward.short)"
    let found = decision.adopted.map { "\($0.call.id.short) \($0.codes.count)" }
    let lacking = unaccounted.values.count { $0.reward == decision.reward }
    world.note(
      "\(host.name) \(decided), \(found), \(decision.unattributed.count) set aside, "
        + "\(lacking) not known: \(answer)"
    )
    tally.voidDecisions += answer == .changed ? 1 : 0
    guard answer.isDone else { return }
    checkCodes()
    checkOverlooked(decision)
    checkHeld(decision)
    checkCounted()
    compare(store.ledger, decision.adopted.flatMap(\.codes), nil)
    tally.doubts += decision.judged.count
    tally.adopted += counts[0]
    tally.absent += counts[1]
    tally.held += counts[2]
  }

  /// Codes that the ledger lacks are a doubtful call's. They are interchangeable: what is left in doubt
  /// has to have room for them.
  private func checkOverlooked(_ decision: DoubtDecision) {
    let reward = decision.reward
    guard chaos.bounds.isJudgementExactInTime, !decision.absent.isEmpty, !restored.contains(reward)
    else { return }
    let ledger = store.ledger
    // What took effect too late was seen if it was there long enough before the listings.
    let seen =
      chaos.bounds.isTimely ? world.now : world.now - Duration.seconds(180).nanoseconds
    let absent = decision.absent.compactMap { ledger.calls[$0]?.call }
    let overlooked = unaccounted.filter { id, call in
      call.reward == reward && !(ledger.calls[call.id]?.state.holdsRoom ?? false)
        && api?.all[id]?.at ?? .max <= seen
        && absent.contains { canBeTaken(codesOf: call, for: $0) }
    }.values
    let room = doubtfulRoom(of: reward, ledger)
    if overlooked.count > room + mistaken(reward, ledger), let call = overlooked.map(\.id).min() {
      world.fail("call \(call.short) was judged absent and had made codes")
    }
  }

  /// Whether codes of a call can be those of another one of its reward. A prefix that the list shows as it
  /// was asked for tells them apart: an older call's codes that came too late, or that another answer brought, do not
  /// keep one with another prefix from being absent.
  private func canBeTaken(codesOf maker: Call, for other: Call) -> Bool {
    let text = { [nature] (call: Call) in
      nature.listed(nature.text(0, prefix: call.prefix, of: call.reward), of: call.reward)
    }
    guard let prefix = other.prefix, text(other).hasPrefix(prefix) else { return true }
    return text(maker).hasPrefix(prefix)
  }

  /// How many codes calls in doubt lack. Whose codes the ledger does not know is one, since codes are
  /// interchangeable: an answer can have been another call's.
  private func doubtfulRoom(of reward: RewardID, _ ledger: MemoryLedger) -> Int {
    ledger.calls.values.filter { $0.call.reward == reward }
      .filter { $0.state == .inDoubt || $0.state == .sending && swapped.contains(reward) }
      .reduce(0) { $0 + $1.outstanding }
  }

  /// What a listing of a watched reward found was committed, or refused.
  func concluded(_ watch: WatchFinding, _ answer: WatchAnswer, _ host: Host) {
    world.note("\(host.name) watched \(watch.reward.short): \(answer)")
    if case .done = answer { checkHeldAfter(watch.reward) }
    checkCounted()
    compare(store.ledger, watch.adopted.flatMap(\.codes), nil)
  }

  private func compare(_ ledger: MemoryLedger, _ codes: [CodeID], _ call: CallID?) {
    let moved = history.compare(ledger, codes, call.map { [$0] } ?? [])
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
      let room = doubtfulRoom(of: reward, ledger)
      if !orphaned.contains(reward), number > room + mistaken(reward, ledger),
        let call = calls.map(\.key.id).min()
      {
        world.fail("codes of call \(call.short) are lost")
      }
    }
  }

  /// Codes of somebody else that count as ours, or that nobody asked for: so many of ours can be
  /// overlooked in their place, since nobody can tell them apart. Where clocks are set there is no
  /// bound: `createdAt` misleads until an answer contradicts it.
  private func mistaken(_ reward: RewardID, _ ledger: MemoryLedger) -> Int {
    // What a list hides, nobody can find.
    guard chaos.bounds.isSteady, chaos.bounds.isListed else { return .max / 4 }
    guard foreigners.contains(reward) || oldOnly.contains(reward), let api else {
      return excess[reward] ?? 0
    }
    return (excess[reward] ?? 0)
      + (api.codes[reward] ?? []).count { made in
        made.call == nil
          && ledger.codes[made.code.id].map { !$0.isSurplus && !$0.isPurged } ?? false
      }
  }

  /// Checks at the end that every code is in the ledger, or its call is held, and that no more were
  /// made than asked for.
  func checkEnd() {
    let ledger = store.ledger
    checkCodes()
    checkCounted()
    for reward in (api?.codes.keys.sorted() ?? []) { checkOrdered(reward) }
    let overlooked = unaccounted.filter { ledger.calls[$0.value.id]?.heldAt == nil }
    if rivals == 0, excess.isEmpty, chaos.bounds.isSteady, chaos.bounds.isListed, orphaned.isEmpty,
      let call = overlooked.values.map(\.id).min()
    {
      world.fail("codes of call \(call.short) are not in the ledger at the end")
    }
    tally.overlooked = overlooked.count
    let moved = history.compare(ledger, Array(ledger.codes.keys), Array(ledger.calls.keys))
    if let moved { world.fail(moved) }
    tally.codes = ledger.codes.count
    tally.surplus = ledger.codes.values.count(where: \.isSurplus)
    tally.rivals = rivals
    tally.events = world.log.count
    tally.steps = world.steps
  }

  /// A heartbeat has compared counters with what they derive from, and mended these.
  func healed(_ mended: [String], wasWrong: Bool) {
    if !mended.isEmpty {
      world.note("mended: \(mended)")
      tally.mended += 1
    }
    if wasWrong, !store.ledger.isMeddled, mended.isEmpty {
      world.fail("counters that somebody set wrong were mended, and nobody said so")
    }
  }

  /// Whether a reward is still to be listed again.
  var isWatching: Bool { store.ledger.watches.values.contains { $0.nextListingAt != nil } }
}
