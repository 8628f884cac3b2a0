import MemoryStore
import Provisioning

extension Lockstep {
  /// Does one thing that a reconciler does to both.
  mutating func reconcile() async throws -> String {
    switch Int.random(in: 0..<20, using: &random) {
    case 0..<5: try await takeDoubt()
    case 5..<10: try await decide()
    case 10..<14: try await takeWatch()
    case 14..<18: try await conclude()
    case 18: Bool.random(using: &random) ? try await give() : try await putOff()
    default: try await ask()
    }
  }

  private mutating func takeDoubt() async throws -> String {
    let worker = worker
    let one = try await memory.store.takeDoubt(
      worker,
      lease: .seconds(8),
      effectiveFor: .seconds(4)
    )
    let other = try await postgres.store.takeDoubt(
      worker,
      lease: .seconds(8),
      effectiveFor: .seconds(4)
    )
    compare(one, other)
    if let one { doubts.append((worker, one)) }
    return "take doubt"
  }

  /// Decides each call for itself and at random, as no reconciler would; sometimes on facts that
  /// are out of date.
  private mutating func decide() async throws -> String {
    guard let (worker, doubt) = doubts.popLast() else { return "nothing" }
    if Int.random(in: 0..<5, using: &random) == 0 { doubts.insert((worker, doubt), at: 0) }
    var decision = DoubtDecision(reward: doubt.reward, judged: doubt.calls.map(\.call.id))
    for call in doubt.calls.map(\.call) {
      switch Int.random(in: 0..<8, using: &random) {
      case 0..<3:
        var codes = made(Int.random(in: 1...call.size, using: &random), of: call.reward)
        if Int.random(in: 0..<6, using: &random) == 0, codes.count < call.size {
          codes += shown.filter { $0.reward == call.reward }.prefix(1)
        }
        decision.adopted.append(Adoption(call: call, codes: codes))
      case 3..<6: decision.absent.append(call.id)
      case 6:
        decision.held.append(call.id)
        decision.holdReason = HoldReason.allCases.randomElement(using: &random)
        decision.unattributed = made(2, of: call.reward)
        shown += decision.unattributed
      default: break
      }
    }
    let one = try await memory.store.decide(decision, worker: worker)
    compare(one, try await postgres.store.decide(decision, worker: worker))
    return "decide \(one)"
  }

  /// Codes with the prefix of some jobs or without, at times with one that cannot be stored.
  private mutating func made(_ number: Int, of reward: RewardID) -> [IssuedCode] {
    let prefix = ["CODE-", "A", "A"].randomElement(using: &random) ?? ""
    guard Int.random(in: 0..<6, using: &random) == 0 else {
      return mint.make(number, of: reward, prefix: prefix)
    }
    return mint.make(number - 1, of: reward, prefix: prefix) + mint.make(1, of: reward, bad: true)
  }

  private mutating func putOff() async throws -> String {
    guard let (worker, watch) = watches.popLast() else { return "nothing" }
    let pause: Duration? = Int.random(in: 0..<4, using: &random) > 0 ? .seconds(2) : nil
    for ledger in [memory, postgres] {
      try await ledger.store.putOff(watch.reward, worker: worker, pause: pause, error: "gone")
    }
    return "put off"
  }

  private mutating func takeWatch() async throws -> String {
    let worker = worker
    let one = try await memory.store.takeWatch(worker, lease: .seconds(8))
    compare(one, try await postgres.store.takeWatch(worker, lease: .seconds(8)))
    if let one { watches.append((worker, one)) }
    return "take watch"
  }

  private mutating func conclude() async throws -> String {
    guard let (worker, watch) = watches.popLast() else { return "nothing" }
    var codes: [IssuedCode] = []
    if Bool.random(using: &random) {
      codes = made(Int.random(in: 1...5, using: &random), of: watch.reward)
      codes += shown.filter { $0.reward == watch.reward }.suffix(2)
      var seen: Set<CodeID> = []
      codes = codes.filter { seen.insert($0.id).inserted }
    }
    let finding = WatchFinding(reward: watch.reward, listedUntil: watch.now, codes: codes)
    let one = try await memory.store.conclude(finding, worker: worker)
    compare(one, try await postgres.store.conclude(finding, worker: worker))
    if one == .wait { watches.append((worker, watch)) }
    return "conclude \(one)"
  }

  private mutating func give() async throws -> String {
    guard let (worker, doubt) = doubts.randomElement(using: &random) else { return "nothing" }
    if Bool.random(using: &random) {
      compare(
        try await memory.store.keep(doubt.reward, worker: worker, lease: .seconds(9)),
        try await postgres.store.keep(doubt.reward, worker: worker, lease: .seconds(9))
      )
      return "keep"
    }
    let failed = Bool.random(using: &random)
    for ledger in [memory, postgres] {
      try await ledger.store.leave(
        doubt.reward,
        worker: worker,
        pause: .seconds(1),
        listingFailed: failed
      )
    }
    return "leave"
  }

  private mutating func ask() async throws -> String {
    compare(try await memory.store.reserveSlot(), try await postgres.store.reserveSlot())
    let codes = shown.suffix(20).map(\.id)
    compare(try await memory.store.known(codes), try await postgres.store.known(codes))
    return "reserve a slot, ask what is known"
  }
}
