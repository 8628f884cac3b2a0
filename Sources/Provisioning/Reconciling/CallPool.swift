/// Doubtful calls whose codes cannot be told apart by their text, judged as a whole (protocol, rules 11
/// and 12).
public struct CallPool: Hashable, Sendable {
  /// The calls, oldest first.
  public let calls: [DoubtfulCall]

  /// The most codes that a listing can show of it.
  public var most: Int { calls.reduce(0) { $0 + $1.lacks } }

  /// Whether its calls asked for different prefixes, so that it matters which of them a code is given
  /// to.
  var isMixed: Bool { Set(calls.map(\.call.prefix)).count > 1 }

  /// Whether an answer to each of its calls has come, so that none can take effect any more.
  var isAnswered: Bool { calls.allSatisfy(\.isAnswered) }

  /// Sorts calls into pools. Only a prefix that this very list is seen to show literally tells pools
  /// apart, and not where it begins another one: any code may belong to a call without such a prefix, so
  /// that all are one pool.
  public static func pools(of calls: [DoubtfulCall], _ evidence: Evidence) -> [CallPool] {
    let sorted = calls.sorted { ($0.earliest, $0.call.id) < ($1.earliest, $1.call.id) }
    let literal = sorted.compactMap { evidence.literalPrefix(of: $0.call) }
    guard literal.count == sorted.count else { return [CallPool(calls: sorted)] }
    var groups: [Set<String>] = []
    for prefix in literal {
      let overlapping = groups.filter { $0.contains { overlap($0, prefix) } }
      groups.removeAll(where: overlapping.contains)
      groups.append(overlapping.reduce(into: [prefix]) { $0.formUnion($1) })
    }
    return groups.map { group in
      CallPool(calls: sorted.filter { $0.call.prefix.map(group.contains) ?? false })
    }
  }

  private static func overlap(_ one: String, _ other: String) -> Bool {
    one.utf8.starts(with: other.utf8) || other.utf8.starts(with: one.utf8)
  }
}

extension Evidence {
  /// The prefix of a call, if the list shows a witness of that very prefix, and none without it.
  func literalPrefix(of call: Call) -> String? {
    guard let prefix = call.prefix, literalPrefixes.contains(prefix),
      !alteredPrefixes.contains(prefix)
    else { return nil }
    return prefix
  }
}

extension FoundCode {
  /// Whether its text begins with a prefix that a call in doubt asked for, nil being any. The longest
  /// such prefix is known, and it begins with every other one.
  func begins(with prefix: String?) -> Bool {
    guard let prefix else { return true }
    return self.prefix?.utf8.starts(with: prefix.utf8) ?? false
  }
}
