import MemoryStore
import Provisioning

extension Lockstep {
  /// Does one thing that a worker does to both.
  mutating func track() async throws -> String {
    switch Int.random(in: 0..<10, using: &random) {
    case 0..<4: try await takeTracked()
    case 4: try await syncSlot()
    case 5..<7: try await recordChanges()
    case 7..<9: try await finishPass()
    default: try await noteResync()
    }
  }

  private mutating func takeTracked() async throws -> String {
    let worker = worker
    let one = try await memory.store.takeTracked(worker, lease: .seconds(6), first: .seconds(1))
    compare(
      one,
      try await postgres.store.takeTracked(worker, lease: .seconds(6), first: .seconds(1))
    )
    if case .reward(let tracked) = one { trackedRewards.append((worker, tracked)) }
    return "take tracked"
  }

  private mutating func syncSlot() async throws -> String {
    guard let (worker, tracked) = trackedRewards.randomElement(using: &random) else {
      return "nothing"
    }
    let one = try await memory.store.syncSlot(
      tracked.reward,
      worker: worker,
      lease: .seconds(6)
    )
    compare(
      one,
      try await postgres.store.syncSlot(tracked.reward, worker: worker, lease: .seconds(6))
    )
    return "sync slot"
  }

  /// Codes that were shown before, in another state, and now and then one that is unknown.
  private mutating func recordChanges() async throws -> String {
    guard let (worker, tracked) = trackedRewards.randomElement(using: &random) else {
      return "nothing"
    }
    var seen: Set<CodeID> = []
    var codes = shown.shuffled(using: &random).prefix(8)
      .filter { seen.insert($0.id).inserted }
      .map { code in
        let sync: SyncStatus = [.pending, .synced, .error].randomElement(using: &random) ?? .none
        let updatedAt = Int64.random(in: 0...3, using: &random)
        return sync == .error
          ? code.inError([Bool.random(using: &random) ? .shopify : .stripe])
          : code.shown(sync, updatedAt: updatedAt == 0 ? nil : updatedAt)
      }
    if Int.random(in: 0..<3, using: &random) == 0 { codes += mint.make(1, of: tracked.reward) }
    compare(
      try await memory.store.record(codes, of: tracked.reward, worker: worker),
      try await postgres.store.record(codes, of: tracked.reward, worker: worker)
    )
    return "record \(codes.count) changes"
  }

  private mutating func finishPass() async throws -> String {
    guard let (worker, tracked) = trackedRewards.popLast() else { return "nothing" }
    let position =
      Bool.random(using: &random)
      ? nil : ScanPosition(offset: 5, anchor: shown.last?.id, newest: tracked.mark)
    let reading = ChangeReader.Reading(
      mark: tracked.mark,
      order: ListOrder.allCases.randomElement(using: &random) ?? .unknown,
      position: position
    )
    let endings: [SyncPassReport.Ending] = [
      .read(reading), .read(reading), .failed(message: "no", reading), .interrupted(reading),
    ]
    let report = SyncPassReport(
      reward: tracked.reward,
      ending: endings.randomElement(using: &random) ?? .read(reading)
    )
    let rules = SyncRules(
      first: .seconds(1),
      longest: .seconds(5),
      patience: .seconds(60),
      retries: 1
    )
    let one = try await memory.store.finish(report, of: tracked, worker: worker, rules: rules)
    compare(
      one,
      try await postgres.store.finish(report, of: tracked, worker: worker, rules: rules)
    )
    return "finish pass \(one)"
  }

  private mutating func noteResync() async throws -> String {
    let reward = Samples.reward(Int.random(in: 1...3, using: &random))
    let wasSent = Bool.random(using: &random)
    for ledger in [memory, postgres] {
      try await ledger.store.noteResync(
        reward,
        system: .shopify,
        failure: "no",
        wasSent: wasSent
      )
    }
    return "note resync"
  }
}
