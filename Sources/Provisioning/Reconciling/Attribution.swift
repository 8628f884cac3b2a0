/// What doubtful calls did, judged from what a listing shows: pure, and as a whole or not at all
/// (protocol, rule 12).
public enum Attribution {
  /// Judges every pool of a case.
  ///
  /// - Parameters:
  ///   - unknown: What a fresh listing shows and the ledger does not know.
  ///   - isFinal: Whether the youngest call can no longer take effect, and two listings in a row
  ///     agreed, the second begun `reconcile.listing_gap_seconds` after the first ended. Until then
  ///     only finding everything decides.
  /// - Returns: Each pool with its verdict.
  public static func judge(
    _ doubt: DoubtCase,
    unknown: Listing,
    isFinal: Bool
  ) -> [(pool: CallPool, verdict: Verdict)] {
    let (inTime, late) = doubt.parted(unknown)
    return CallPool.pools(of: doubt).map { ($0, judge($0, inTime, late: late, isFinal: isFinal)) }
  }

  private static func judge(
    _ pool: CallPool,
    _ unknown: Listing,
    late: [IssuedCode],
    isFinal: Bool
  ) -> Verdict {
    let found = unknown.codes.filter(pool.fits)
    let late = late.filter(pool.fits)
    let calls = pool.calls.map(\.call)
    if found.count == pool.most, unknown.nulls == 0, let all = explain(found, by: pool) {
      return .decided(adopted: all, absent: [])
    }
    guard isFinal else { return .open }
    guard unknown.nulls == 0 else { return .held(reason: .nulls, unattributed: found + late) }
    // A call that takes effect later than it should have been able to is no reason to ask again.
    guard late.isEmpty else { return .held(reason: .late, unattributed: found + late) }
    if let made = explain(found, by: pool) {
      let adopted = Set(made.map(\.call.id))
      return .decided(adopted: made, absent: calls.filter { !adopted.contains($0.id) })
    }
    // The prefix is what makes the codes this call's: every one of them has to have it.
    if calls.count == 1, let call = calls.first, let prefix = call.prefix,
      found.count < call.size, found.allSatisfy({ $0.hasPrefix(prefix) })
    {
      return .decided(adopted: [Adoption(call: call, codes: found)], absent: [])
    }
    let isNumberExplained = subset(of: calls, summingTo: found.count) != nil
    return .held(reason: isNumberExplained ? .indistinct : .unexplained, unattributed: found)
  }

  /// Calls of a pool that together asked for exactly these codes, with the codes of each; nil if
  /// there are none. Codes that only an answer can have kept back are left to it.
  ///
  /// Calls that asked for the same prefix, or all for none, have interchangeable codes: which of
  /// several explanations is taken does not matter. If prefixes differ, a call is given only codes
  /// that begin with its own. If the API does not take prefixes literally, no explanation is left,
  /// and a person has to say which call made what (protocol, rule 15).
  private static func explain(_ codes: [IssuedCode], by pool: CallPool) -> [Adoption]? {
    let calls = pool.calls.map(\.call)
    let makers = calls + pool.keptBack.flatMap(\.portions)
    let made =
      pool.isMixed
      ? PrefixTree(makers).explain(codes)
      : subset(of: makers, summingTo: codes.count).map { assign(codes, to: $0) }
    let doubtful = Set(calls.map(\.id))
    return made?.filter { doubtful.contains($0.call.id) }
  }

  /// Calls whose sizes add up to exactly this number, oldest first; empty for zero, nil if there
  /// are none.
  static func subset(of calls: [Call], summingTo number: Int) -> [Call]? {
    guard number >= 0, number <= calls.reduce(0, { $0 + $1.size }) else { return nil }
    // The last call with which each sum was first reached, and the sum before it.
    var reached: [Int: (call: Int, before: Int)] = [:]
    var sums: Set<Int> = [0]
    for (place, call) in calls.enumerated() {
      for sum in sums.sorted() where sum + call.size <= number {
        let next = sum + call.size
        guard !sums.contains(next), reached[next] == nil else { continue }
        reached[next] = (place, sum)
      }
      sums.formUnion(reached.keys)
    }
    var chosen: [Int] = []
    var sum = number
    while sum > 0 {
      guard let step = reached[sum] else { return nil }
      chosen.append(step.call)
      sum = step.before
    }
    return chosen.reversed().map { calls[$0] }
  }

  /// Gives each call as many codes as it asked for.
  private static func assign(_ codes: [IssuedCode], to calls: [Call]) -> [Adoption] {
    var rest = codes.sorted { $0.id < $1.id }[...]
    return calls.map { call in
      defer { rest = rest.dropFirst(call.size) }
      return Adoption(call: call, codes: Array(rest.prefix(call.size)))
    }
  }
}

extension Call {
  /// Parts of a call of which some add up to any number up to its size.
  fileprivate var portions: [Call] {
    var portions: [Call] = []
    var rest = size
    while rest > 0 {
      let half = (rest + 1) / 2
      portions.append(Call(id: id, job: job, reward: reward, prefix: prefix, size: half))
      rest -= half
    }
    return portions
  }
}

/// Doubtful calls whose codes cannot be told apart (protocol, rule 11).
public struct CallPool: Hashable, Sendable {
  /// The calls, oldest first.
  public let calls: [DoubtfulCall]
  /// Calls whose codes cannot be told from theirs, and whose answers may have kept some back.
  public let keptBack: [Call]
  /// What every code of the pool begins with, one of these; empty if any code fits.
  public let prefixes: [String]

  /// The most codes that a listing can show of it.
  public var most: Int { makers.reduce(0) { $0 + $1.size } }

  /// Whether its calls asked for different prefixes, so that it matters which of them a code is
  /// given to.
  public var isMixed: Bool { Set(makers.map(\.prefix)).count > 1 }

  private var makers: [Call] { calls.map(\.call) + keptBack }

  /// Whether one of the calls can have made a code.
  public func fits(_ code: IssuedCode) -> Bool {
    prefixes.isEmpty || prefixes.contains { code.hasPrefix($0) }
  }

  /// Sorts the calls of a case into pools. A prefix tells pools apart only where it is known to be
  /// literal, and not where one prefix begins another or a call has none: overlapping pools count as
  /// one.
  public static func pools(of doubt: DoubtCase) -> [CallPool] {
    let asked = (doubt.calls.map(\.call) + doubt.keptBack).map(\.prefix)
    guard doubt.prefixIsLiteral, !asked.contains(nil) else {
      return [CallPool(calls: doubt.calls, keptBack: doubt.keptBack, prefixes: [])]
    }
    var groups: [[String]] = []
    for prefix in asked.compactMap(\.self) {
      let overlapping = groups.filter { $0.contains { overlap($0, prefix) } }
      groups.removeAll { $0.contains { overlap($0, prefix) } }
      groups.append(Set(overlapping.joined() + [prefix]).sorted())
    }
    return groups.compactMap { prefixes in
      func isOf(_ call: Call) -> Bool { call.prefix.map(prefixes.contains) ?? false }
      let calls = doubt.calls.filter { isOf($0.call) }.sorted { $0.earliest < $1.earliest }
      guard !calls.isEmpty else { return nil }
      return CallPool(calls: calls, keptBack: doubt.keptBack.filter(isOf), prefixes: prefixes)
    }
  }

  private static func overlap(_ one: String, _ other: String) -> Bool {
    one.utf8.starts(with: other.utf8) || other.utf8.starts(with: one.utf8)
  }
}
