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
    let one = try await memory.store.takeDoubt(worker, lease: .seconds(8))
    compare(one, try await postgres.store.takeDoubt(worker, lease: .seconds(8)))
    if let one { doubts.append((worker, one)) }
    return "take doubt"
  }

  /// Decides each call for itself and at random, as no reconciler would; sometimes on facts that
  /// are out of date.
  private mutating func decide() async throws -> String {
    guard let (worker, doubt) = doubts.popLast() else { return "nothing" }
    if Int.random(in: 0..<5, using: &random) == 0 { doubts.insert((worker, doubt), at: 0) }
    let listing = newListing()
    var decision = DoubtDecision(
      reward: doubt.reward,
      listing: listing,
      judged: doubt.calls.map(\.call.id),
      reference: doubt.reference
    )
    var found: [IssuedCode] = []
    for doubtful in doubt.calls {
      let call = doubtful.call
      switch Int.random(in: 0..<8, using: &random) {
      case 0..<3:
        var codes = made(Int.random(in: 1...doubtful.lacks, using: &random), of: call.reward)
        if Int.random(in: 0..<6, using: &random) == 0, codes.count < doubtful.lacks {
          codes += shown.filter { $0.reward == call.reward }.prefix(1)
        }
        found += codes
        decision.adopted.append(Adoption(call: call, codes: codes.map(\.id)))
      case 3..<6: decision.absent.append(call.id)
      case 6:
        decision.held.append(call.id)
        decision.holdReason = HoldReason.allCases.randomElement(using: &random)
        let codes = made(2, of: call.reward)
        found += codes
        shown += codes
        decision.unattributed += codes.map(\.id)
      default: break
      }
    }
    let refused = try await weigh(found, of: doubt.reward, in: listing, worker: worker).refused
    decision.raw = found.filter { refused.contains($0.id) }
    try await setAside(decision, worker: worker)
    let one = try await memory.store.decide(decision, worker: worker)
    compare(one, try await postgres.store.decide(decision, worker: worker))
    return "decide \(one)"
  }

  private mutating func setAside(_ decision: DoubtDecision, worker: WorkerID) async throws {
    guard let call = decision.held.first else { return }
    var kept: [Bool] = []
    for ledger in [memory, postgres] {
      kept.append(
        try await ledger.store.setAside(
          decision.unattributed,
          in: decision.listing,
          of: decision.reward,
          for: call,
          worker: worker
        )
      )
    }
    compare(kept[0], kept[1])
  }

  private mutating func weigh(
    _ codes: [IssuedCode],
    of reward: RewardID,
    in listing: ListingID?,
    worker: WorkerID
  ) async throws -> WeighedPage {
    // Some items cannot be read but for their ids, and the ledger knows some of these.
    let known = shown.filter { old in codes.allSatisfy { $0.id != old.id } }.suffix(1)
    let unreadable = mint.make(1, of: reward).map(\.id) + known.map(\.id)
    func weighed(_ store: any Store) async throws -> WeighedPage {
      try await store.weigh(
        codes,
        unreadable: listing == nil ? [] : unreadable,
        of: reward,
        in: listing,
        worker: worker
      )
    }
    let one = try await weighed(memory.store)
    compare(one, try await weighed(postgres.store))
    return one
  }

  private mutating func newListing() -> ListingID {
    lastListing += 1
    return Samples.listing(lastListing)
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
    let listing = newListing()
    let refused = try await weigh(codes, of: watch.reward, in: listing, worker: worker).refused
    let storable = codes.filter { !refused.contains($0.id) }
    let adopted = watch.lacking.prefix(1).map { lacking in
      Adoption(call: lacking.call, codes: storable.prefix(lacking.lacks / 2 + 1).map(\.id))
    }
    let finding = WatchFinding(
      reward: watch.reward,
      listing: listing,
      listedUntil: watch.now,
      adopted: adopted,
      isBelieved: true,
      raw: codes.filter { refused.contains($0.id) }
    )
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
    let counts: Duration? = Bool.random(using: &random) ? .seconds(2) : nil
    for ledger in [memory, postgres] {
      try await ledger.store.leave(
        doubt.reward,
        worker: worker,
        pause: .seconds(1),
        counts: counts
      )
    }
    return "leave"
  }

  private mutating func ask() async throws -> String {
    compare(try await memory.store.reserveSlot(), try await postgres.store.reserveSlot())
    let codes = Array(shown.suffix(20))
    _ = try await weigh(codes, of: Samples.reward(1), in: nil, worker: worker)
    return "reserve a slot, weigh a reference"
  }
}
