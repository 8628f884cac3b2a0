import MemoryStore
import Provisioning
import Testing

@Suite("attribution")
struct AttributionTests {
  private func doubt(
    _ sizes: [Int],
    prefix: String? = nil,
    isLiteral: Bool = false,
    offset: ClockOffset? = nil
  ) -> DoubtCase {
    let calls = sizes.enumerated().map { place, size in
      let call = Call(
        id: CallID(Samples.id(100 + place)),
        job: JobID(Int64(place)),
        reward: Samples.reward,
        prefix: prefix,
        size: size
      )
      let time = Timestamp(microseconds: Int64(place))
      return DoubtfulCall(call: call, earliest: time, effectiveUntil: time)
    }
    return doubt(calls, isLiteral: isLiteral, offset: offset)
  }

  private func doubt(
    _ calls: [DoubtfulCall],
    keptBack: [(size: Int, prefix: String?)] = [],
    isLiteral: Bool,
    offset: ClockOffset? = nil
  ) -> DoubtCase {
    DoubtCase(
      reward: Samples.reward,
      calls: calls,
      keptBack: keptBack.enumerated().map { place, call in
        Call(
          id: CallID(Samples.id(200 + place)),
          job: JobID(9),
          reward: Samples.reward,
          prefix: call.prefix,
          size: call.size
        )
      },
      newestKnown: [],
      prefixIsLiteral: isLiteral,
      offset: offset,
      now: Timestamp(microseconds: 9),
      failingSince: nil
    )
  }

  private func decide(_ doubt: DoubtCase, found: Int, nulls: Int = 0, isFinal: Bool = true)
    -> DoubtDecision
  {
    let codes = (0..<found).map { Samples.code($0) }
    let unknown = Listing(codes: codes, nulls: nulls)
    return DoubtDecision(doubt, Attribution.judge(doubt, unknown: unknown, isFinal: isFinal))
  }

  @Test("rule 12: a number that a subset explains is decided, any other is held", arguments: 1...20)
  func subsets(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let sizes = (0..<Int.random(in: 2...6, using: &random)).map { _ in
      Int.random(in: 1...9, using: &random)
    }
    for found in 0...sizes.reduce(0, +) + 1 {
      let isExplained = (0..<1 << sizes.count).contains { chosen in
        sizes.indices.reduce(0) { $0 + (chosen >> $1 & 1) * sizes[$1] } == found
      }
      let decision = decide(doubt(sizes), found: found)
      #expect(decision.held.isEmpty == isExplained)
      guard isExplained else { continue }
      #expect(decision.adopted.allSatisfy { $0.codes.count == $0.call.size })
      let given = decision.adopted.flatMap { $0.codes.map(\.id) }
      #expect(given.count == found && Set(given).count == found)
      #expect(decision.adopted.count + decision.absent.count == sizes.count)
    }
  }

  @Test("rule 12: while a call may still take effect only finding everything decides")
  func open() {
    for found in 0..<7 {
      #expect(decide(doubt([3, 4]), found: found, isFinal: false).isEmpty)
    }
    #expect(decide(doubt([3, 4]), found: 7, isFinal: false).adopted.count == 2)
  }

  @Test(
    "rule 12: a single call found in part is adopted in part only with its prefix on every code"
  )
  func partial() {
    let own = doubt([5], prefix: "SUMMER")
    #expect(decide(own, found: 2).adopted.first?.codes.count == 2)
    #expect(decide(doubt([5], prefix: "WINTER"), found: 2).held.count == 1)
    #expect(decide(doubt([5]), found: 2).held.count == 1)
  }

  @Test("a decision that holds several pools records the more cautious reason, in any order")
  func reasonOfAll() {
    let single = doubt([5])
    func reason(_ reasons: [HoldReason]) -> HoldReason? {
      DoubtDecision(
        single,
        reasons.map { reason in
          (pool: CallPool.pools(of: single)[0], verdict: .held(reason: reason, unattributed: []))
        }
      ).holdReason
    }
    #expect(reason([]) == nil)
    for unknown in HoldReason.allCases where !unknown.hasSeenAll {
      for other in HoldReason.allCases where other.hasSeenAll {
        #expect(reason([unknown, other]) == unknown && reason([other, unknown]) == unknown)
      }
    }
    #expect(reason([.late, .unexplained]) == reason([.unexplained, .late]))
  }

  @Test("rule 10: a null may be any pool's code, so nothing less than a person decides")
  func nulls() {
    let decision = decide(doubt([5]), found: 0, nulls: 1)
    #expect(decision.held.count == 1 && decision.holdReason == .nulls)
    #expect(decide(doubt([5]), found: 5, nulls: 1).holdReason == .nulls)
  }

  @Test("rule 12: while codes are there that were made too late to be theirs, no call is absent")
  func late() {
    let exact = ClockOffset(low: 0, high: 0)
    // Calls that can take effect until 1 at the latest, and 2 seconds by which a date may be cut short.
    let (inTime, late) = (
      Samples.code(1, createdAt: 2_000_000), Samples.code(2, createdAt: 2_000_002)
    )
    func decide(_ doubt: DoubtCase, _ codes: [IssuedCode], isFinal: Bool = true) -> DoubtDecision {
      let unknown = Listing(codes: codes, nulls: 0)
      return DoubtDecision(doubt, Attribution.judge(doubt, unknown: unknown, isFinal: isFinal))
    }
    let two = doubt([1, 3], offset: exact)
    #expect(decide(two, [inTime]).absent.count == 1)
    #expect(decide(two, [late], isFinal: false).isEmpty)
    for codes in [[late], [inTime, late]] {
      let decision = decide(two, codes)
      #expect(decision.holdReason == .late && decision.held.count == 2)
      #expect(decision.adopted.isEmpty && decision.unattributed == codes)
    }
    // Who finds everything in time needs no other code, and one that cannot be theirs is none.
    #expect(decide(doubt([1], offset: exact), [inTime, late], isFinal: false).adopted.count == 1)
    let other = doubt([1], prefix: "WINTER", isLiteral: true, offset: exact)
    #expect(decide(other, [late]).absent.count == 1)
    // Where createdAt is not believed nothing is late.
    #expect(decide(doubt([1]), [late]).adopted.count == 1)
  }

  /// Calls with these sizes and prefixes, and what is decided once these texts are found.
  private func decide(
    _ calls: [(size: Int, prefix: String?)],
    keptBack: [(size: Int, prefix: String?)] = [],
    finding texts: [String],
    isLiteral: Bool = false,
    isFinal: Bool = true
  ) -> DoubtDecision {
    let doubtful = calls.enumerated().flatMap { place, call in
      doubt([call.size], prefix: call.prefix).calls.map {
        DoubtfulCall(
          call: Call(
            id: CallID(Samples.id(100 + place)),
            job: JobID(Int64(place)),
            reward: Samples.reward,
            prefix: call.prefix,
            size: call.size
          ),
          earliest: $0.earliest,
          effectiveUntil: $0.effectiveUntil
        )
      }
    }
    let mixed = doubt(doubtful, keptBack: keptBack, isLiteral: isLiteral)
    let codes = texts.enumerated().map { Samples.code($0, value: $1) }
    let unknown = Listing(codes: codes, nulls: 0)
    return DoubtDecision(mixed, Attribution.judge(mixed, unknown: unknown, isFinal: isFinal))
  }

  /// The codes that each call was given, by its place.
  private func given(_ decision: DoubtDecision) -> [Int64: [String]] {
    Dictionary(
      uniqueKeysWithValues: decision.adopted.map {
        ($0.call.job.number, $0.codes.map(\.code).sorted())
      }
    )
  }

  @Test("rule 11: while no prefix is known to be literal, no call is given another prefix's codes")
  func mixedSubset() {
    // Either call alone explains the number; only one of them explains the codes.
    let calls: [(Int, String?)] = [(2, "SPRING"), (2, "SUMMER")]
    for isLiteral in [false, true] {
      let decision = decide(calls, finding: ["SUMMER1", "SUMMER2"], isLiteral: isLiteral)
      #expect(given(decision) == [1: ["SUMMER1", "SUMMER2"]])
      #expect(decision.absent == [CallID(Samples.id(100))])
    }
    let all = ["SUMMER1", "SPRING1", "SUMMER2", "SPRING2"]
    let decision = decide(calls, finding: all, isFinal: false)
    #expect(given(decision) == [0: ["SPRING1", "SPRING2"], 1: ["SUMMER1", "SUMMER2"]])
  }

  @Test(
    "rules 7 and 12: what an answer kept back is not taken for a call that may still take effect"
  )
  func keptBack() {
    for found in 0...9 {
      let texts = (0..<found).map { "a\($0)" }
      let early = decide([(5, nil)], keptBack: [(3, nil)], finding: texts, isFinal: false)
      // Eight is all that there can be.
      #expect(given(early)[0]?.count == (found == 8 ? 5 : nil) && early.absent.isEmpty)
      let decision = decide([(5, nil)], keptBack: [(3, nil)], finding: texts)
      switch found {
      case 0...3: #expect(decision.absent.count == 1 && decision.adopted.isEmpty)
      case 5...8: #expect(given(decision)[0]?.count == 5 && decision.held.isEmpty)
      default: #expect(decision.held.count == 1 && decision.holdReason == .unexplained)
      }
    }
  }

  @Test(
    "rules 7 and 11: no call is given a code that only another prefix's answer can have kept back"
  )
  func keptBackPrefix() {
    let texts = ["SUMMER1", "SPRING1", "SUMMER2", "SPRING2"]
    let short: [(Int, String?)] = [(2, "SPRING")]
    for isLiteral in [false, true] {
      let both = decide(
        [(2, "SUMMER")],
        keptBack: short,
        finding: texts,
        isLiteral: isLiteral,
        isFinal: false
      )
      #expect(given(both) == [0: ["SUMMER1", "SUMMER2"]])
      let one = decide([(2, "SUMMER")], keptBack: short, finding: ["SPRING1"], isLiteral: isLiteral)
      #expect(one.absent.count == 1 && one.adopted.isEmpty)
    }
    // What a pool of another literal prefix keeps back is no reason to wait.
    let own = ["SUMMER1", "SUMMER2"]
    let early = decide(
      [(2, "SUMMER")],
      keptBack: short,
      finding: own,
      isLiteral: true,
      isFinal: false
    )
    #expect(given(early) == [0: own])
    #expect(decide([(2, "SUMMER")], keptBack: short, finding: own, isFinal: false).isEmpty)
  }

  @Test("rules 11 and 15: codes that do not tell calls of different prefixes apart are a person's")
  func indistinct() {
    let calls: [(Int, String?)] = [(2, "SPRING"), (2, "SUMMER")]
    for texts in [["a1", "a2"], ["a1", "a2", "a3", "a4"], ["SPRING1", "SUMMER1"]] {
      #expect(decide(calls, finding: texts, isFinal: false).isEmpty)
      let decision = decide(calls, finding: texts)
      #expect(decision.held.count == 2 && decision.holdReason == .indistinct)
      #expect(decision.unattributed.count == texts.count)
    }
    #expect(decide(calls, finding: ["a1"]).holdReason == .unexplained)
    #expect(decide(calls, finding: []).absent.count == 2)
    // Calls with one prefix are interchangeable, whatever the API makes of it.
    let alike: [(Int, String?)] = [(2, "SPRING"), (2, "SPRING")]
    #expect(decide(alike, finding: ["a1", "a2"]).adopted.count == 1)
  }

  @Test("rule 11: a prefix that begins another one, or none, takes what the longer one leaves")
  func nested() {
    let calls: [(Int, String?)] = [(1, nil), (2, "AB"), (2, "A")]
    for isLiteral in [false, true] {
      let all = ["x", "AB1", "AB2", "A1", "AB3"]
      let decision = decide(calls, finding: all, isLiteral: isLiteral, isFinal: false)
      #expect(given(decision)[1]?.allSatisfy { $0.hasPrefix("AB") } == true)
      #expect(given(decision)[2]?.allSatisfy { $0.hasPrefix("A") } == true)
      #expect(given(decision).values.reduce(0) { $0 + $1.count } == 5)
      let two = decide(calls, finding: ["A1", "AC2"], isLiteral: isLiteral)
      #expect(given(two) == [2: ["A1", "AC2"]])
    }
  }

  @Test(
    "rule 11: mixed prefixes are explained exactly where brute force explains them",
    arguments: 1...40
  )
  func mixedBruteForce(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let prefixes: [String?] = [nil, "A", "AB", "B"]
    let calls: [(size: Int, prefix: String?)] = (0..<Int.random(in: 2...5, using: &random)).map {
      _ in
      (Int.random(in: 1...3, using: &random), prefixes.randomElement(using: &random) ?? nil)
    }
    let endings = ["A", "AB", "B", "C"]
    let texts = (0..<Int.random(in: 0...8, using: &random)).map {
      (endings.randomElement(using: &random) ?? "") + "-\($0)"
    }
    guard Set(calls.map(\.prefix)).count > 1 else { return }
    let isExplained = (0..<1 << calls.count).contains { chosen in
      let some = calls.indices.filter { chosen >> $0 & 1 == 1 }.map { calls[$0] }
      return canShare(
        texts[...],
        among: some.flatMap { Array(repeating: $0.prefix, count: $0.size) }
      )
    }
    let decision = decide(calls, finding: texts)
    #expect(decision.held.isEmpty == isExplained)
    for adoption in decision.adopted {
      #expect(adoption.codes.count == adoption.call.size)
      #expect(adoption.codes.allSatisfy { $0.hasPrefix(adoption.call.prefix ?? "") })
    }
    if isExplained { #expect(given(decision).values.reduce(0) { $0 + $1.count } == texts.count) }
  }

  /// Whether each code can have a place of its own, tried one by one.
  private func canShare(_ texts: ArraySlice<String>, among places: [String?]) -> Bool {
    guard texts.count == places.count else { return false }
    guard let text = texts.first else { return true }
    return places.indices.contains { place in
      guard text.hasPrefix(places[place] ?? "") else { return false }
      var rest = places
      rest.remove(at: place)
      return canShare(texts.dropFirst(), among: rest)
    }
  }

  @Test("rule 11: only a literal prefix tells pools apart, and not where one begins another")
  func pools() {
    func count(_ prefixes: [String?], isLiteral: Bool = true) -> Int {
      let calls = prefixes.flatMap { doubt([1], prefix: $0).calls }
      return CallPool.pools(of: doubt(calls, isLiteral: isLiteral)).count
    }
    #expect(count(["A", "B"]) == 2)
    #expect(count(["A", "B"], isLiteral: false) == 1)
    #expect(count(["A", nil]) == 1)
    #expect(count(["AB", "AC", "A"]) == 1)
    #expect(count(["AB", "AC", "D"]) == 3)
  }
}
