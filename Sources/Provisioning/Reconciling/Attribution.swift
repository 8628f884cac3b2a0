/// What doubtful calls did, judged from what a listing shows: pure, and as a whole or not at all
/// (protocol, rule 12).
public enum Attribution {
  /// Judges every pool of a case.
  ///
  /// - Parameters:
  ///   - unknown: What a fresh listing shows and the ledger does not know.
  ///   - isFinal: Whether the youngest call can no longer take effect, and two listings in a row
  ///     agreed, the second begun `reconcile.settle_seconds` after the first ended. Until then
  ///     only finding everything decides.
  /// - Returns: Each pool with its verdict.
  public static func judge(
    _ doubt: DoubtCase,
    unknown: Listing,
    isFinal: Bool
  ) -> [(pool: CallPool, verdict: Verdict)] {
    CallPool.pools(of: doubt.calls, prefixIsLiteral: doubt.prefixIsLiteral)
      .map { ($0, judge($0, unknown, isFinal: isFinal)) }
  }

  private static func judge(_ pool: CallPool, _ unknown: Listing, isFinal: Bool) -> Verdict {
    let found = unknown.codes.filter(pool.fits)
    if found.count == pool.size, unknown.nulls == 0 {
      return .decided(adopted: assign(found, to: pool.calls.map(\.call)), absent: [])
    }
    guard isFinal else { return .open }
    guard unknown.nulls == 0 else { return .held(reason: .nulls, strays: found) }
    let calls = pool.calls.map(\.call)
    if let made = subset(of: calls, summingTo: found.count) {
      return .decided(
        adopted: assign(found, to: made),
        absent: calls.filter { !made.contains($0) }
      )
    }
    // The prefix is what makes the codes this call's: every one of them has to have it.
    if calls.count == 1, let call = calls.first, let prefix = call.prefix,
      found.count < call.size, found.allSatisfy({ $0.code.hasPrefix(prefix) })
    {
      return .decided(adopted: [Adoption(call: call, codes: found)], absent: [])
    }
    return .held(reason: .unexplained, strays: found)
  }

  /// Calls whose sizes add up to exactly this number, oldest first; empty for zero, nil if there
  /// are none. Which of several subsets is taken does not matter, since the codes of a pool are
  /// interchangeable.
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

  /// Gives each call as many codes as it asked for: first those that begin with its prefix, the
  /// longest prefix choosing first, then whatever is left.
  private static func assign(_ codes: [IssuedCode], to calls: [Call]) -> [Adoption] {
    var rest = codes.sorted { $0.id < $1.id }
    var given: [CallID: [IssuedCode]] = [:]
    let choosing = calls.sorted { ($0.prefix?.count ?? 0) > ($1.prefix?.count ?? 0) }
    for call in choosing {
      guard let prefix = call.prefix else { continue }
      let own = Array(rest.filter { $0.code.hasPrefix(prefix) }.prefix(call.size))
      let taken = Set(own.map(\.id))
      rest.removeAll { taken.contains($0.id) }
      given[call.id] = own
    }
    for call in choosing {
      let missing = call.size - (given[call.id]?.count ?? 0)
      given[call.id, default: []] += rest.prefix(missing)
      rest.removeFirst(min(missing, rest.count))
    }
    return calls.map { Adoption(call: $0, codes: given[$0.id] ?? []) }
  }
}
