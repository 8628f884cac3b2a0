import Provisioning
import Testing

@Suite("attribution")
struct AttributionTests {
  private func doubt(_ sizes: [Int], prefix: String? = nil, isLiteral: Bool = false) -> DoubtCase {
    let calls = sizes.enumerated().map { place, size in
      let call = Call(
        id: CallID(Samples.id(100 + place)),
        job: JobID(Int64(place)),
        reward: Samples.reward,
        prefix: prefix,
        size: size
      )
      let time = Timestamp(microseconds: Int64(place))
      return DoubtfulCall(call: call, earliest: time, latest: time)
    }
    return DoubtCase(
      reward: Samples.reward,
      calls: calls,
      newestKnown: [],
      prefixIsLiteral: isLiteral,
      offset: nil,
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

  @Test("rule 12: before the linger only finding everything decides")
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

  @Test("rule 10: a null may be any pool's code, so nothing less than a person decides")
  func nulls() {
    let decision = decide(doubt([5]), found: 0, nulls: 1)
    #expect(decision.held.count == 1 && decision.holdReason == .nulls)
    #expect(decide(doubt([5]), found: 5, nulls: 1).holdReason == .nulls)
  }

  @Test("rule 11: only a literal prefix tells pools apart, and not where one begins another")
  func pools() {
    func count(_ prefixes: [String?], isLiteral: Bool = true) -> Int {
      let calls = prefixes.flatMap { doubt([1], prefix: $0).calls }
      return CallPool.pools(of: calls, prefixIsLiteral: isLiteral).count
    }
    #expect(count(["A", "B"]) == 2)
    #expect(count(["A", "B"], isLiteral: false) == 1)
    #expect(count(["A", nil]) == 1)
    #expect(count(["AB", "AC", "A"]) == 1)
    #expect(count(["AB", "AC", "D"]) == 3)
  }
}
