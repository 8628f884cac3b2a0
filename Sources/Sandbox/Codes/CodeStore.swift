internal import Synchronization

/// All codes of one sandbox, behind one lock that is held for microseconds: nothing waits inside it and
/// nothing is written out inside it.
final class CodeStore: Sendable {
  private struct State {
    var shelves: [Shelf] = []
    var shelfOfReward: [UUIDBits: Int] = [:]
    var prefixes = PrefixTable()
    var nextNumber: UInt64 = 0
    var streams: [Stream] = []

    mutating func shelf(of reward: UUIDBits, createdAt: Int64) -> Int {
      if let known = shelfOfReward[reward] { return known }
      shelves.append(Shelf(reward: reward, createdAt: createdAt))
      shelfOfReward[reward] = shelves.count - 1
      return shelves.count - 1
    }

    mutating func append(
      _ count: Int,
      to shelf: Int,
      prefix: String?,
      createdAt: Int64,
      born: UInt64,
      maker: CodeMaker
    ) -> Batch {
      defer { nextNumber += UInt64(count) }
      return shelves[shelf].append(
        count,
        numberedFrom: nextNumber,
        prefix: prefixes.index(of: prefix),
        createdAt: createdAt,
        born: born,
        maker: maker
      )
    }

    /// The prefix of a shelf's newest codes, nil where they have none.
    func newestPrefix(on shelf: Int) -> String? {
      guard let newest = shelves[shelf].batches.last, newest.prefix >= 0 else { return nil }
      return prefixes[newest.prefix].text
    }
  }

  /// Somebody else who makes a code of a reward again and again.
  private struct Stream {
    let reward: UUIDBits
    let every: UInt64
    let prefix: RivalPrefix
    /// When the next one is made, on the monotonic clock.
    var due: UInt64
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
    self.clockOffset = configuration.clockOffset.microseconds
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

  /// The API's clock: microseconds since 1970.
  var now: Int64 { time.wall() + clockOffset }

  func exists(_ reward: UUIDBits) -> Bool {
    switch rewards {
    case .any: !named.contains(reward)
    case .only: named.contains(reward)
    }
  }

  /// Makes codes and returns them as one run, in order of making.
  func make(_ count: Int, of reward: UUIDBits, prefix: String?, by maker: CodeMaker) -> Page.Run {
    let createdAt = now
    let born = time.monotonic()
    return state.withLock { state in
      catchUp(&state)
      let batch = state.append(
        count,
        to: state.shelf(of: reward, createdAt: createdAt),
        prefix: prefix,
        createdAt: createdAt,
        born: born,
        maker: maker
      )
      return Page.Run(
        batch: batch,
        prefix: state.prefixes[batch.prefix],
        first: 0,
        count: count,
        descending: false
      )
    }
  }

  /// Adds codes that somebody made by hand so long ago.
  func addOld(_ count: Int, of reward: UUIDBits, age: Duration, prefix: String?) {
    let createdAt = now - age.microseconds
    let (moment, nanoseconds) = (time.monotonic(), age.nanoseconds)
    state.withLock { state in
      let shelf = state.shelf(of: reward, createdAt: createdAt)
      state.shelves[shelf].insert(
        count,
        numberedFrom: state.nextNumber,
        prefix: state.prefixes.index(of: prefix),
        createdAt: createdAt,
        born: moment > nanoseconds ? moment - nanoseconds : 0
      )
      state.nextNumber += UInt64(count)
    }
  }

  /// From now on somebody else makes a code of this reward each time that so long has passed.
  func beginStream(of reward: UUIDBits, every: Duration, prefix: RivalPrefix) {
    let nanoseconds = max(1, every.nanoseconds)
    let due = time.monotonic() &+ nanoseconds
    state.withLock { state in
      state.streams.append(Stream(reward: reward, every: nanoseconds, prefix: prefix, due: due))
    }
  }

  /// Ends every stream; the codes that are due exist.
  func endStreams() {
    state.withLock { state in
      catchUp(&state)
      state.streams = []
    }
  }

  /// Makes the codes of streams that have come due. Whoever looks at codes or adds some calls this first,
  /// so that streams need no task of their own.
  private func catchUp(_ state: inout State) {
    guard !state.streams.isEmpty else { return }
    let (moment, createdAt) = (time.monotonic(), now)
    while let next = state.streams.indices.min(by: { state.streams[$0].due < state.streams[$1].due }
    ),
      state.streams[next].due <= moment
    {
      let stream = state.streams[next]
      let ago = Int64((moment - stream.due) / 1000)
      let shelf = state.shelf(of: stream.reward, createdAt: createdAt - ago)
      _ = state.append(
        1,
        to: shelf,
        prefix: stream.prefix.text(like: state.newestPrefix(on: shelf)),
        createdAt: createdAt - ago,
        born: stream.due,
        maker: .somebodyElse
      )
      state.streams[next].due += stream.every
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
    state.withLock { state in
      catchUp(&state)
      return state.shelves.map(RewardSummary.init)
    }
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
    _ = make(count, of: stranger, prefix: nil, by: .somebodyElse)
    return page(of: stranger, query)
  }

  /// The prefix of a reward's newest codes, nil where they have none.
  func newestPrefix(of reward: UUIDBits) -> String? {
    state.withLock { state in
      catchUp(&state)
      return state.shelfOfReward[reward].flatMap { state.newestPrefix(on: $0) }
    }
  }

  /// Reads part of a reward's list, as it was at `moment` or is now.
  func page(of reward: UUIDBits, _ query: ListQuery, at moment: UInt64? = nil) -> Page {
    let now = time.monotonic()
    return state.withLock { state in
      catchUp(&state)
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
    let (shelves, prefixes) = state.withLock { state in
      catchUp(&state)
      return (state.shelves, state.prefixes)
    }
    return shelves.filter { reward == nil || $0.reward == reward }.flatMap { shelf in
      shelf.batches.map {
        Origin(reward: shelf.reward, batch: $0, prefix: prefixes[$0.prefix].text)
      }
    }
  }
}

/// The prefixes in use, each kept once.
struct PrefixTable: Sendable {
  /// A prefix, and its bytes inside a JSON string.
  struct Prefix: Sendable {
    let text: String
    let escaped: [UInt8]
  }

  /// Keyed by escaped bytes: Swift takes texts for equal that differ in their code points.
  private var indices: [[UInt8]: Int32] = [:]
  private var prefixes: [Prefix] = []

  /// Where a prefix is kept; -1 for none.
  mutating func index(of prefix: String?) -> Int32 {
    guard let prefix else { return -1 }
    let escaped = JSONText.escaped(prefix)
    if let known = indices[escaped] { return known }
    let index = Int32(prefixes.count)
    prefixes.append(Prefix(text: prefix, escaped: escaped))
    indices[escaped] = index
    return index
  }

  /// A prefix by its index; empty for -1.
  subscript(_ index: Int32) -> Prefix {
    index < 0 ? Prefix(text: "", escaped: []) : prefixes[Int(index)]
  }
}
