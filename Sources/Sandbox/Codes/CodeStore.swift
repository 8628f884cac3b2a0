internal import Synchronization

/// All codes of one sandbox, behind one lock that is held for microseconds: nothing waits inside it and
/// nothing is written out inside it.
final class CodeStore: Sendable {
  private struct State {
    var shelves: [Shelf] = []
    var shelfOfReward: [UUIDBits: Int] = [:]
    var prefixes = PrefixTable()
    var nextNumber: UInt64 = 0

    mutating func shelf(of reward: UUIDBits, createdAt: Int64) -> Int {
      if let known = shelfOfReward[reward] { return known }
      shelves.append(Shelf(reward: reward, createdAt: createdAt))
      shelfOfReward[reward] = shelves.count - 1
      return shelves.count - 1
    }
  }

  let derivation: CodeDerivation
  private let rewards: SandboxRewards
  private let named: Set<UUIDBits>
  private let clockOffset: Int64
  private let time: SandboxTime
  private let state = Mutex(State())

  init(_ configuration: SandboxConfiguration, time: SandboxTime) {
    self.derivation = CodeDerivation(configuration)
    self.rewards = configuration.rewards
    self.named = Set(configuration.rewards.named.compactMap { UUIDBits($0) })
    self.clockOffset = configuration.clockOffset.milliseconds
    self.time = time
    if case .only = configuration.rewards {
      let now = self.now
      state.withLock { state in
        for reward in named.sorted(by: { $0.description < $1.description }) {
          _ = state.shelf(of: reward, createdAt: now)
        }
      }
    }
  }

  /// The API's clock: milliseconds since 1970.
  var now: Int64 { time.wall() + clockOffset }

  func exists(_ reward: UUIDBits) -> Bool {
    switch rewards {
    case .any: !named.contains(reward)
    case .only: named.contains(reward)
    }
  }

  /// Makes codes and returns them as one run, in order of making.
  /// - Parameter request: the request that asked for them, nil for somebody else's.
  func make(_ count: Int, of reward: UUIDBits, prefix: String?, request: Int?) -> Page.Run {
    let createdAt = now
    let born = time.monotonic()
    return state.withLock { state in
      let shelf = state.shelf(of: reward, createdAt: createdAt)
      let batch = state.shelves[shelf].append(
        count,
        numberedFrom: state.nextNumber,
        prefix: state.prefixes.index(of: prefix),
        createdAt: createdAt,
        born: born,
        request: request ?? -1
      )
      state.nextNumber += UInt64(count)
      return Page.Run(
        batch: batch,
        prefix: state.prefixes.escaped(batch.prefix),
        first: 0,
        count: count,
        descending: false
      )
    }
  }

  /// Notes that failed codes of a reward get another try, and returns the reward.
  func retrySync(of reward: UUIDBits, in system: SyncShape.System) -> RewardSummary {
    let call = SyncCall(system: system, moment: time.monotonic())
    let createdAt = now
    return state.withLock { state in
      let shelf = state.shelf(of: reward, createdAt: createdAt)
      state.shelves[shelf].append(call)
      return RewardSummary(state.shelves[shelf])
    }
  }

  /// Every reward seen so far, in order of their first appearance.
  func rewardSummaries() -> [RewardSummary] {
    state.withLock { $0.shelves.map(RewardSummary.init) }
  }

  /// The newest codes of the first other reward that has any; where none has, codes that somebody else
  /// makes for this on a reward of their own.
  func foreignCodes(_ count: Int, otherThan reward: UUIDBits) -> Page {
    let query = ListQuery(limit: count)
    let other = state.withLock { state in
      state.shelves.first { $0.reward != reward && $0.count > 0 }?.reward
    }
    if let other { return page(of: other, query) }
    let stranger = UUIDBits(number: reward.low, seed: reward.high)
    _ = make(count, of: stranger, prefix: nil, request: nil)
    return page(of: stranger, query)
  }

  /// The prefix of a reward's newest codes, nil where they have none.
  func newestPrefix(of reward: UUIDBits) -> String? {
    state.withLock { state in
      let newest = state.shelfOfReward[reward].flatMap { state.shelves[$0].batches.last }
      guard let newest, newest.prefix >= 0 else { return nil }
      return state.prefixes.text(newest.prefix)
    }
  }

  /// Reads part of a reward's list, as it was at `moment` or is now.
  func page(of reward: UUIDBits, _ query: ListQuery, at moment: UInt64? = nil) -> Page {
    let now = time.monotonic()
    return state.withLock { state in
      guard let index = state.shelfOfReward[reward] else {
        return Page(reward: reward, runs: [], total: 0, syncCalls: [], moment: moment ?? now)
      }
      return PageReader(
        shelf: state.shelves[index],
        prefixes: state.prefixes,
        derivation: derivation,
        moment: moment ?? now
      ).page(query)
    }
  }

  /// One batch with what it takes to name its codes.
  struct Origin: Sendable {
    let reward: UUIDBits
    let batch: Batch
    let prefix: String
  }

  /// Every batch of a reward, oldest first; of all rewards for nil.
  func origins(of reward: UUIDBits?) -> [Origin] {
    let (shelves, prefixes) = state.withLock { ($0.shelves, $0.prefixes) }
    return shelves.filter { reward == nil || $0.reward == reward }.flatMap { shelf in
      shelf.batches.map {
        Origin(reward: shelf.reward, batch: $0, prefix: prefixes.text($0.prefix))
      }
    }
  }
}

/// The prefixes in use, each kept once.
struct PrefixTable: Sendable {
  /// Keyed by escaped bytes: Swift takes texts for equal that differ in their code points.
  private var indices: [[UInt8]: Int32] = [:]
  private var prefixes: [(text: String, escaped: [UInt8])] = []

  /// Where a prefix is kept; -1 for none.
  mutating func index(of prefix: String?) -> Int32 {
    guard let prefix else { return -1 }
    let escaped = JSONText.escaped(prefix)
    if let known = indices[escaped] { return known }
    let index = Int32(prefixes.count)
    prefixes.append((prefix, escaped))
    indices[escaped] = index
    return index
  }

  /// The bytes of a prefix inside a JSON string; none for -1.
  func escaped(_ index: Int32) -> [UInt8] {
    index < 0 ? [] : prefixes[Int(index)].escaped
  }

  /// A prefix as it was asked for; empty for -1.
  func text(_ index: Int32) -> String {
    index < 0 ? "" : prefixes[Int(index)].text
  }
}
