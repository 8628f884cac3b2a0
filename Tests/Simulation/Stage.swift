import MemoryStore
import Provisioning

/// What everybody in one simulation shares, and the checks of the promise.
final class Stage: @unchecked Sendable {
  let world: World
  let store: MemoryStore
  var chaos: Chaos
  var isDatabaseDown = false
  private(set) var tally = Tally()
  /// Whether nobody but codemint makes codes here. Within the bounds that this world keeps (how
  /// late a request takes effect, how old a page is), a call judged absent has then made none.
  private let isJudgementExact: Bool
  /// Codes that were made for a call and are not in the ledger yet.
  private var unaccounted: [CodeID: Call] = [:]

  init(_ world: World) {
    self.world = world
    chaos = Chaos(in: world)
    isJudgementExact = chaos.strangers == 0
    store = MemoryStore(clock: WorldClock(world: world))
  }

  /// A call was committed as `sending`.
  func claimed(_ call: Call, _ host: Host) {
    world.note("\(host.name) claims \(call.id.short) of job \(call.job), \(call.size) codes")
    tally.calls += 1
    if store.ledger.rewards[call.reward]?.closedAt != nil {
      world.fail("call \(call.id.short) was claimed on a closed reward")
    }
  }

  /// A request's body leaves for the API.
  func handOver(_ call: Call, _ host: Host) {
    world.note("\(host.name) sends \(call.id.short)")
    let ledger = store.ledger
    guard let row = ledger.calls[call.id] else {
      return world.fail("call \(call.id.short) was sent before it was committed")
    }
    if row.state != .sending {
      world.fail("call \(call.id.short) was sent when it was \(row.state.rawValue)")
    }
    let isDoubted = ledger.calls.values.contains {
      $0.call.reward == call.reward && $0.state == .inDoubt && $0.heldAt == nil
    }
    if isDoubted, let closed = ledger.rewards[call.reward]?.closedAt, row.createdAt > closed {
      world.fail("call \(call.id.short) was sent beside a doubtful one")
    }
  }

  /// Codes exist upstream from now on.
  func madeUpstream(_ made: [SimulatedAPI.Made]) {
    let ledger = store.ledger
    for code in made {
      guard let call = code.call.flatMap({ ledger.calls[$0] }) else {
        world.fail("codes were made for a call that the ledger does not know")
        continue
      }
      unaccounted[code.code.id] = call.call
      if call.state == .absent, isJudgementExact {
        world.fail("call \(call.call.id.short) made codes after it was judged absent")
      }
    }
    checkCodes()
  }

  /// Something was committed, or refused.
  func checkCommit() {
    let broken = store.brokenInvariants
    if let first = broken.first { world.fail(first) }
    checkCodes()
  }

  func decided(_ decision: DoubtDecision, _ answer: DecisionAnswer, _ host: Host) {
    let counts = [decision.adopted.count, decision.absent.count, decision.held.count]
    world.note("\(host.name) decides \(counts) of \(decision.judged.count): \(answer)")
    guard answer == .done else { return }
    let absent = Set(decision.absent)
    if isJudgementExact, let call = unaccounted.values.first(where: { absent.contains($0.id) }) {
      checkCodes()
      if unaccounted.values.contains(call) {
        world.fail("call \(call.id.short) was judged absent and had made codes")
      }
    }
    tally.adopted += counts[0]
    tally.absent += counts[1]
    tally.held += counts[2]
  }

  func concluded(_ watch: WatchFinding, _ answer: WatchAnswer, _ host: Host) {
    world.note("\(host.name) watched, found \(watch.codes.count): \(answer)")
  }

  /// Every code upstream that is ours is in the ledger, or its call is sending or in doubt, or its
  /// reward is watched.
  private func checkCodes() {
    guard !unaccounted.isEmpty else { return }
    let ledger = store.ledger
    for (id, call) in unaccounted {
      if ledger.codes[id] != nil || ledger.strays[id] != nil {
        unaccounted[id] = nil
        continue
      }
      let isOpen = ledger.calls[call.id]?.state.holdsRoom ?? false
      if !isOpen, ledger.rewards[call.reward]?.watchAt == nil {
        world.fail("codes of call \(call.id.short) are lost")
      }
    }
  }

  /// Jobs that are neither finished nor held with a reason, and doubts that nobody has decided.
  var unfinished: [String] {
    let ledger = store.ledger
    let jobs = ledger.jobs.values.filter {
      !$0.state.isTerminal && !($0.held && $0.errorCode != nil)
    }
    let doubts = ledger.calls.values.filter {
      $0.state == .sending || $0.state == .inDoubt && $0.heldAt == nil
    }
    return jobs.map { "job \($0.id) is \($0.state.rawValue), \($0.issued) of \($0.count)" }
      + doubts.map { "call \($0.call.id.short) is \($0.state.rawValue)" }
  }

  /// Whether a reward is still to be listed again.
  var isWatching: Bool { store.ledger.rewards.values.contains { $0.watchAt != nil } }

  /// Looks at the end whether every code is in the ledger, or its call is held.
  func checkEnd() {
    let ledger = store.ledger
    for call in unaccounted.values where ledger.calls[call.id]?.heldAt == nil {
      world.fail("codes of call \(call.id.short) are not in the ledger at the end")
    }
    tally.codes = ledger.codes.count
    tally.surplus = ledger.codes.values.filter(\.isSurplus).count
    tally.doubts = tally.adopted + tally.absent + tally.held
  }
}
