/// Unknown codes by the calls that can have made them.
///
/// A code can be a call's if it was made in the call's window, and if its text does not exclude it
/// (protocol, rules 10 and 11). Millions of codes fall into few groups, found by a binary search each.
struct CodeGroups {
  /// Codes that the same calls can have made.
  struct Group {
    /// The codes.
    let codes: ChosenCodes
    /// Calls in whose windows they were made, by their places.
    let inTime: [Int]
    /// Calls around whose windows they were made. Such a call cannot have made them, by all that is
    /// known, and yet nobody else is known to have made them.
    let around: [Int]
  }

  /// The groups, in an order that depends on the codes and the calls alone.
  let groups: [Group]

  private struct Key: Hashable, Comparable {
    let window: Spans.Counts
    let surroundings: Spans.Counts
    let prefix: String?
    let lookalike: String?

    static func < (left: Key, right: Key) -> Bool {
      (left.window, left.surroundings, left.prefix ?? "", left.lookalike ?? "")
        < (right.window, right.surroundings, right.prefix ?? "", right.lookalike ?? "")
    }
  }

  /// Sorts codes by the windows of calls and by what their texts exclude.
  init(_ codes: [FoundCode], calls: [DoubtfulCall], basis: TimeBasis, evidence: Evidence) {
    let windows = Spans(calls.map { basis.window(of: $0) })
    let surroundings = Spans(calls.map { basis.surroundings(of: $0) })
    var places: [Key: [Int32]] = [:]
    for (place, code) in codes.enumerated() {
      let key = Key(
        window: windows.counts(code.createdAt),
        surroundings: surroundings.counts(code.createdAt),
        prefix: code.prefix,
        lookalike: code.lookalike
      )
      guard key.surroundings.begun > 0 else { continue }
      places[key, default: []].append(Int32(place))
    }
    groups = places.sorted { $0.key < $1.key }.compactMap { key, places in
      let chosen = ChosenCodes(of: codes, at: places)
      let fitting = Set(
        calls.indices.filter { place in
          chosen[0].begins(with: evidence.literalPrefix(of: calls[place].call))
        }
      )
      let inTime = windows.calls(key.window)
      let around = surroundings.calls(key.surroundings).subtracting(inTime)
      let group = Group(
        codes: chosen,
        inTime: inTime.intersection(fitting).sorted(),
        around: around.intersection(fitting).sorted()
      )
      return group.inTime.isEmpty && group.around.isEmpty ? nil : group
    }
  }
}

/// Some of a listing's codes, by their places in it: there can be millions, which are not copied.
struct ChosenCodes: RandomAccessCollection, Sendable {
  private let all: [FoundCode]
  private let places: [Int32]

  /// The codes that stand at these places.
  init(of all: [FoundCode], at places: [Int32]) {
    self.all = all
    self.places = places
  }

  var startIndex: Int { 0 }
  var endIndex: Int { places.count }

  subscript(index: Int) -> FoundCode { all[Int(places[index])] }
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

/// A span of time of each call, sorted by their beginnings and by their ends.
private struct Spans {
  private let begins: [(time: Timestamp, call: Int)]
  private let ends: [(time: Timestamp, call: Int)]

  /// How many spans have begun and how many have ended.
  struct Counts: Hashable, Comparable {
    let begun: Int
    let ended: Int

    static func < (left: Counts, right: Counts) -> Bool {
      (left.begun, left.ended) < (right.begun, right.ended)
    }
  }

  /// The calls' spans, in the order of the calls; nil for one without beginning and end.
  init(_ spans: [ClosedRange<Timestamp>?]) {
    let spans = spans.enumerated().map { ($0, $1 ?? Self.always) }
    begins = spans.map { ($1.lowerBound, $0) }.sorted { $0 < $1 }
    ends = spans.map { ($1.upperBound, $0) }.sorted { $0 < $1 }
  }

  private static let always =
    Timestamp(microseconds: .min)...Timestamp(microseconds: .max)

  /// What had begun and ended when a code was made; one that does not tell was made in all of them.
  func counts(_ time: Timestamp?) -> Counts {
    guard let span = time?.span else { return Counts(begun: begins.count, ended: 0) }
    return Counts(
      begun: begins.partitioningIndex { $0.time > span.upperBound },
      ended: ends.partitioningIndex { $0.time >= span.lowerBound }
    )
  }

  /// The calls whose spans have begun and not ended.
  func calls(_ counts: Counts) -> Set<Int> {
    Set(begins.prefix(counts.begun).map(\.call)).subtracting(ends.prefix(counts.ended).map(\.call))
  }
}
