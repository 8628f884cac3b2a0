/// Doubtful calls whose codes cannot be told apart (protocol, rule 11).
public struct CallPool: Hashable, Sendable {
  /// The calls, oldest first.
  public let calls: [DoubtfulCall]
  /// What every code of the pool begins with, one of these; empty if any code fits.
  public let prefixes: [String]

  /// How many codes its calls asked for together.
  public var size: Int { calls.reduce(0) { $0 + $1.call.size } }

  /// Whether its calls asked for different prefixes, so that it matters which of them a code is
  /// given to.
  public var isMixed: Bool { Set(calls.map(\.call.prefix)).count > 1 }

  /// Whether a code can have come of one of the calls.
  public func fits(_ code: IssuedCode) -> Bool {
    prefixes.isEmpty || prefixes.contains { code.hasPrefix($0) }
  }

  /// Sorts calls into pools. A prefix tells pools apart only where it is known to be literal, and
  /// not where one prefix begins another or a call has none: overlapping pools count as one.
  public static func pools(of calls: [DoubtfulCall], prefixIsLiteral: Bool) -> [CallPool] {
    guard prefixIsLiteral, calls.allSatisfy({ $0.call.prefix != nil }) else {
      return [CallPool(calls: calls, prefixes: [])]
    }
    var groups: [(prefixes: [String], calls: [DoubtfulCall])] = []
    for call in calls {
      let prefix = call.call.prefix ?? ""
      let overlapping = groups.filter { $0.prefixes.contains { overlap($0, prefix) } }
      groups.removeAll { $0.prefixes.contains { overlap($0, prefix) } }
      let prefixes = Set(overlapping.flatMap(\.prefixes) + [prefix])
      groups.append((prefixes.sorted(), overlapping.flatMap(\.calls) + [call]))
    }
    return groups.map { group in
      CallPool(calls: group.calls.sorted { $0.earliest < $1.earliest }, prefixes: group.prefixes)
    }
  }

  private static func overlap(_ one: String, _ other: String) -> Bool {
    one.utf8.starts(with: other.utf8) || other.utf8.starts(with: one.utf8)
  }
}
