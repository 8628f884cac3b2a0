/// Unknown codes by the calls that can have made them.
///
/// A code can be a call's if it was made in the call's window, and if its text does not exclude it
/// (protocol, rules 10 and 11). Millions of codes fall into few groups, found by a binary search each.
struct CodeGroups {
  /// Codes that the same calls can have made.
  struct Group {
    /// The codes.
    let codes: [FoundCode]
    /// Calls in whose windows they were made, by their places.
    let inTime: [Int]
    /// Calls after whose windows they were made. Such a call cannot have made them, by all that is
    /// known, and yet nobody else is known to have made them.
    let late: [Int]
  }

  /// The groups, in an order that depends on the codes and the calls alone.
  let groups: [Group]

  private struct Key: Hashable, Comparable {
    let begun: Int
    let ended: Int
    let prefix: String?

    static func < (left: Key, right: Key) -> Bool {
      (left.begun, left.ended, left.prefix ?? "") < (right.begun, right.ended, right.prefix ?? "")
    }
  }

  /// Sorts codes by the windows of calls and by what their texts exclude.
  init(_ codes: [FoundCode], calls: [DoubtfulCall], basis: TimeBasis, evidence: Evidence) {
    let windows = Windows(calls, basis)
    var places: [Key: [Int]] = [:]
    for (place, code) in codes.enumerated() {
      let (begun, ended) = windows.counts(code.createdAt)
      guard begun > 0 else { continue }
      places[Key(begun: begun, ended: ended, prefix: code.prefix), default: []].append(place)
    }
    groups = places.sorted { $0.key < $1.key }.compactMap { key, places in
      let fitting = Set(
        calls.indices.filter { place in
          codes[places[0]].begins(with: evidence.literalPrefix(of: calls[place].call))
        }
      )
      let (inTime, late) = windows.calls(begun: key.begun, ended: key.ended)
      let group = Group(
        // Most often all codes are in one group; they are not copied then.
        codes: places.count == codes.count ? codes : places.map { codes[$0] },
        inTime: inTime.filter(fitting.contains).sorted(),
        late: late.filter(fitting.contains).sorted()
      )
      return group.inTime.isEmpty && group.late.isEmpty ? nil : group
    }
  }
}

extension FoundCode {
  /// From the oldest on, and for those of the same time in the order of their ids.
  static func isOlder(_ one: FoundCode, _ other: FoundCode) -> Bool {
    (one.createdAt ?? .earliest, one.id) < (other.createdAt ?? .earliest, other.id)
  }
}

extension Timestamp {
  fileprivate static let earliest = Timestamp(microseconds: .min)
}

/// The windows of calls, sorted by their beginnings and by their ends.
private struct Windows {
  private let begins: [(time: Timestamp, call: Int)]
  private let ends: [(time: Timestamp, call: Int)]

  init(_ calls: [DoubtfulCall], _ basis: TimeBasis) {
    let windows = calls.enumerated().map { place, call in
      (place, basis.window(from: call.earliest, until: call.effectiveUntil) ?? Self.always)
    }
    begins = windows.map { ($1.lowerBound, $0) }.sorted { $0 < $1 }
    ends = windows.map { ($1.upperBound, $0) }.sorted { $0 < $1 }
  }

  private static let always =
    Timestamp(microseconds: .min)...Timestamp(microseconds: .max)

  /// How many windows have begun and how many have ended when a code was made; one that does not tell
  /// was made in all of them.
  func counts(_ time: Timestamp?) -> (begun: Int, ended: Int) {
    guard let span = time?.span else { return (begins.count, 0) }
    return (
      begins.partitioningIndex { $0.time > span.upperBound },
      ends.partitioningIndex { $0.time >= span.lowerBound }
    )
  }

  /// The calls whose windows have begun and not ended, and those whose windows have ended.
  func calls(begun: Int, ended: Int) -> (inTime: [Int], late: [Int]) {
    let late = ends.prefix(ended).map(\.call)
    let over = Set(late)
    return (begins.prefix(begun).map(\.call).filter { !over.contains($0) }, late)
  }
}
