import MemoryStore
import Provisioning
import Testing

@Suite("attribution by number")
struct AttributionTests {
  private typealias Scene = DoubtScene

  private func scene(_ sizes: [Int]) -> Scene {
    Scene(sizes.enumerated().map { Scene.call($0, size: $1) })
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
      let decision = scene(sizes).twice(Scene.codes(0..<found))
      #expect(decision.held.isEmpty == isExplained)
      guard isExplained else { continue }
      #expect(decision.adopted.allSatisfy { $0.codes.count == $0.call.size })
      let given = decision.adopted.flatMap(\.codes)
      #expect(given.count == found && Set(given).count == found)
      #expect(decision.adopted.count + decision.absent.count == sizes.count)
    }
  }

  @Test("rule 12: while a call may still take effect only finding everything decides")
  func open() {
    for found in 0..<7 {
      #expect(scene([3, 4]).atOnce(Scene.codes(0..<found)).isEmpty)
    }
    #expect(scene([3, 4]).atOnce(Scene.codes(0..<7)).adopted.count == 2)
    #expect(scene([3, 4]).atOnce(Scene.codes(0..<8)).isEmpty)
  }

  @Test("rule 12: anything less is decided by two listings that show the same")
  func twoListings() {
    let two = scene([3, 4])
    let (three, others) = (Scene.codes(0..<3), Scene.codes(1..<4))
    #expect(two.once(three).isEmpty)
    #expect(two.after(three, others).isEmpty && two.after([], three).isEmpty)
    #expect(two.after(three, three.reversed()).given == [0: 3])
    // What cannot be theirs is no reason to list once more.
    let old = Scene.codes(10..<20, at: -200)
    #expect(two.after(three, three + old).given == [0: 3])
  }

  @Test(
    "rule 12: a single call found in part is adopted in part only with its prefix on every code"
  )
  func partial() {
    let own = [Scene.code(1, "SUMMER1"), Scene.code(2, "SUMMER2")]
    func single(_ prefix: String?) -> Scene { Scene(Scene.call(0, size: 5, prefix: prefix)) }
    #expect(single("SUMMER").twice(own).given == [0: 2])
    #expect(single("WINTER").twice(own).holdReason == .unexplained)
    #expect(single(nil).twice(own).holdReason == .unexplained)
  }

  @Test("a decision that holds several pools records the more cautious reason, in any order")
  func reasonOfAll() {
    let single = scene([5])
    let judged = Attribution.judge(single.doubt, single.listing([]), past: [])[0]
    func reason(_ reasons: [HoldReason]) -> HoldReason? {
      DoubtDecision(
        single.doubt,
        single.listing([]),
        reasons.map {
          JudgedPool(
            pool: judged.pool,
            sighting: judged.sighting,
            verdict: .held(reason: $0, unattributed: [])
          )
        }
      ).holdReason
    }
    #expect(reason([]) == nil)
    for unknown in HoldReason.allCases where !unknown.hasSeenAll {
      for other in HoldReason.allCases where other.hasSeenAll {
        #expect(reason([unknown, other]) == unknown && reason([other, unknown]) == unknown)
      }
    }
    #expect(reason([.outOfTime, .unexplained]) == reason([.unexplained, .outOfTime]))
  }

  @Test("rule 10: a null may be any pool's code, so nothing less than a person decides")
  func nulls() {
    var single = scene([5])
    single.nulls = 1
    for found in [0, 4, 5] {
      let decision = single.twice(Scene.codes(0..<found))
      #expect(decision.holdReason == .nulls && decision.unattributed.count == found)
      #expect(single.once(Scene.codes(0..<found)).isEmpty)
    }
  }

  @Test("rule 7: of an answered call any number up to what it lacks may exist")
  func answered() {
    let short = Scene(Scene.call(0, size: 10, lacks: 3, isAnswered: true))
    for found in 0...3 {
      let decision = short.once(Scene.codes(0..<found))
      #expect(decision.given[0] ?? 0 == found && decision.held.isEmpty)
      #expect(decision.absent.count == (found == 0 ? 1 : 0))
    }
    // To leave it to a person takes two listings all the same.
    #expect(short.once(Scene.codes(0..<4)).isEmpty)
    #expect(short.twice(Scene.codes(0..<4)).holdReason == .unexplained)
    #expect(short.atOnce(Scene.codes(0..<2)).isEmpty)
    #expect(short.atOnce(Scene.codes(0..<3)).given == [0: 3])
  }

  @Test("rule 7: a null in the list of an answered call may pass, so that it is read once more")
  func answeredNulls() {
    var short = Scene(Scene.call(0, size: 10, lacks: 3, isAnswered: true))
    short.nulls = 1
    #expect(short.once([]).isEmpty && short.twice([]).holdReason == .nulls)
  }

  @Test("rule 7: an empty 201 beside a call whose answer was lost: all that both made is found")
  func emptyAnswer() {
    let both = Scene(
      Scene.call(0, size: 500),
      Scene.call(1, size: 500, isAnswered: true, until: 5)
    )
    #expect(both.atOnce(Scene.codes(0..<1000, at: 3)).given == [0: 500, 1: 500])
    #expect(both.twice(Scene.codes(0..<700, at: 3)).given == [0: 500, 1: 200])
    #expect(both.twice(Scene.codes(0..<300, at: 3)).given == [1: 300])
    #expect(both.twice(Scene.codes(0..<1001, at: 3)).holdReason == .unexplained)
    // One listing is not enough for a call that had no answer.
    #expect(both.once(Scene.codes(0..<300, at: 3)).isEmpty)
    // As many as the lost answer: to judge that call absent is what has to be right.
    let one = both.twice(Scene.codes(0..<500, at: 3))
    #expect(one.given == [0: 500] && one.absent == [CallID(Samples.id(101))])
  }

  @Test("rule 18: after a restore no number has to fit, and the oldest codes are the calls'")
  func restored() {
    var restored = scene([5])
    restored.isRestored = true
    let many = (0..<20).map { Scene.code($0, at: Int64($0)) }
    #expect(restored.twice(many.reversed()).codes == [0: Set(0..<5)])
    #expect(restored.twice(Scene.codes(0..<3)).given == [0: 3])
    #expect(restored.twice([]).absent.count == 1)
    // What lost calls made later neither holds it nor is taken for it.
    let later = Scene.codes(100..<400, at: 500)
    #expect(restored.twice(later).absent.count == 1)
    #expect(restored.atOnce(Scene.codes(0..<5) + later).codes == [0: Set(0..<5)])
    restored.evidence = Evidence()
    #expect(restored.twice(many).holdReason == .unwitnessed)
  }

  @Test("rule 18: after a restore a code with a call's prefix is given to no call without it")
  func restoredPrefixes() {
    var restored = Scene(
      Scene.call(0, size: 5),
      Scene.call(1, size: 3, prefix: "VIP", until: 90),
      Scene.call(2, size: 5, until: 95)
    )
    restored.isRestored = true
    let vip = (0..<4).map { Scene.code($0, "VIP\($0)", at: 1) }
    let others = Scene.codes(10..<17, at: 2)
    let decision = restored.twice(vip + others)
    #expect(decision.codes == [0: Set(10..<15), 1: [0, 1, 2], 2: [15, 16]])
  }

  @Test("rule 13: any number of unknown codes is judged, and set aside for the held call")
  func many() {
    let number = 100_000
    let single = Scene(Scene.call(0, size: 500))
    let codes = (0..<number).map {
      FoundCode(
        id: CodeID(Samples.id(1000 + $0)),
        createdAt: Timestamp(microseconds: Int64($0) * 400 + 1)
      )
    }
    let listing = Listing(id: ListingID(Samples.id(5)), codes: codes, evidence: .agreeing)
    let past = Set([CallID(Samples.id(100))])
    let first = Attribution.judge(single.doubt, listing, past: past)
    let second = Attribution.judge(
      single.doubt,
      listing,
      past: past,
      earlier: Set(first.map(\.sighting))
    )
    let decision = DoubtDecision(single.doubt, listing, second)
    #expect(decision.holdReason == .unexplained && decision.unattributed.count == number)
    #expect(MemoryLayout<FoundCode>.stride == 32)
  }
}
