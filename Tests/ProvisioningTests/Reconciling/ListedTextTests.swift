import Provisioning
import Testing

@Suite("attribution by the texts of a list")
struct ListedTextTests {
  private typealias Scene = DoubtScene

  private func scene(_ evidence: Evidence, reference: Evidence? = nil) -> Scene {
    var scene = Scene(Scene.call(0, size: 2))
    scene.evidence = evidence
    scene.reference = reference
    return scene
  }

  private let found = Scene.codes(0..<2)

  @Test("rule 10: a list that shows other texts than answers hands none on")
  func lowerCased() {
    var listed = Scene(Scene.call(0, size: 500, prefix: "SUMMER"))
    listed.evidence = Evidence(
      witnesses: 1000,
      textsDiffer: 1000,
      timesAgree: 1000,
      alteredPrefixes: ["SUMMER"]
    )
    let codes = (0..<500).map { Scene.code($0, "summer\($0)") }
    #expect(listed.atOnce(codes).isEmpty)
    let decision = listed.twice(codes)
    #expect(decision.holdReason == .differs && decision.unattributed.count == 500)
    // Nothing has to be handed on where nothing was found.
    #expect(listed.twice([]).absent.count == 1)
  }

  @Test(
    "rule 10: codes that lack a prefix which no witness has are not handed on, whoever dropped it"
  )
  func unseenPrefix() {
    let listed = Scene.codes(0..<2).map { Scene.code(Int($0.id.id.bits) - 1000, "BLACKFRIDAY-7") }
    var scene = Scene(Scene.call(0, size: 2, prefix: "BLACK-FRIDAY"))
    scene.evidence = .literal(["SUMMER"])
    #expect(scene.atOnce(listed).isEmpty)
    #expect(scene.twice(listed).holdReason == .unwitnessed)
    scene.evidence.alteredPrefixes = ["BLACK-FRIDAY"]
    #expect(scene.atOnce(listed).given == [0: 2])
    // What the list shows as it was asked for, it has not changed.
    scene.evidence = .literal(["SUMMER"])
    let asAsked = (0..<2).map { Scene.code($0, "BLACK-FRIDAY-7") }
    #expect(scene.atOnce(asAsked).given == [0: 2])
  }

  @Test("rule 10: codes that may be those of another call, of an unseen prefix, are not handed on")
  func unseenPrefixOfAnother() {
    let other = Scene.call(1, size: 2, prefix: "BLACK-FRIDAY")
    for prefix in [nil, "BLACK"] {
      var scene = Scene(Scene.call(0, size: 2, prefix: prefix), other)
      scene.evidence = .literal(["BLACK"])
      let listed = (0..<2).map { Scene.code($0, "BLACKFRIDAY-7") }
      #expect(scene.twice(listed).holdReason == .unwitnessed)
      // All that both asked for is there, and yet who made which cannot be told.
      let all = listed + (2..<4).map { Scene.code($0, "BLACK-FRIDAY-8") }
      #expect(scene.atOnce(all).isEmpty)
      // What does not look like the other prefix is not its call's.
      let plain = (0..<2).map { Scene.code($0, "BLACK-7") }
      #expect(scene.twice(plain).given == [0: 2])
      scene.evidence.alteredPrefixes = ["BLACK-FRIDAY"]
      #expect(scene.twice(listed).given == [0: 2])
    }
  }

  @Test("rule 10: one witness with another text is enough, and the reference does not outweigh it")
  func oneDiffers() {
    let one = Evidence(witnesses: 1000, textsDiffer: 1, timesAgree: 1000)
    #expect(scene(one, reference: .agreeing).twice(found).holdReason == .differs)
  }

  @Test("rule 10: a list without witnesses borrows those of the reference")
  func reference() {
    let none = Evidence()
    #expect(scene(none, reference: .agreeing).atOnce(found).given == [0: 2])
    let differs = Evidence(witnesses: 9, textsDiffer: 9, timesAgree: 9)
    #expect(scene(none, reference: differs).twice(found).holdReason == .differs)
  }

  @Test("rules 10 and 15: without any clean answer nothing that was found is handed on")
  func unwitnessed() {
    for reference in [nil, Evidence()] {
      let fresh = scene(Evidence(), reference: reference)
      #expect(fresh.atOnce(found).isEmpty && fresh.once(found).isEmpty)
      let decision = fresh.twice(found)
      #expect(decision.holdReason == .unwitnessed && decision.unattributed.count == 2)
      #expect(fresh.twice([]).absent.count == 1)
      #expect(fresh.twice(found + [Scene.code(7)]).holdReason == .unexplained)
    }
  }

  @Test("rule 10: a list five hours off, without a zone, still shows what was made")
  func shiftedTimes() {
    let shifted = Scene.codes(0..<500, at: 30 - 5 * 3600)
    var listed = Scene(Scene.call(0, size: 500))
    listed.evidence = Evidence(witnesses: 1000, timesDiffer: 1000)
    #expect(listed.atOnce(shifted).isEmpty)
    #expect(listed.twice(shifted).given == [0: 500])
    // Nothing of such a list is too old to matter.
    #expect(ListingPlan(listed.doubt).since(reference: listed.evidence, date: nil) == nil)
  }

  @Test(
    "rules 10 and 12: it is read as far back as the clock is known, which its Date may have to tell"
  )
  func since() {
    var scene = scene(Evidence())
    let second = { (seconds: Int64) in Timestamp(microseconds: seconds * 1_000_000) }
    let date = ClockOffset(low: 7_000_000, high: 9_000_000)
    let plan = ListingPlan(scene.doubt)
    #expect(plan.since(evidence: .agreeing, reference: nil, date: date) == second(-120))
    #expect(plan.since(reference: .agreeing, date: date) == second(-240))
    #expect(plan.since(reference: nil, date: date) == second(-26 * 3600 - 120))
    scene.offset = nil
    #expect(ListingPlan(scene.doubt).since(reference: nil, date: nil) == second(-26 * 3600 - 120))
    let byDate = ListingPlan(scene.doubt).since(reference: nil, date: date)
    #expect(byDate == second(7 - 26 * 3600 - 120))
    scene.isClockDistrusted = true
    #expect(ListingPlan(scene.doubt).since(reference: nil, date: date) == nil)
  }

  @Test("rule 8: codes that the database refuses travel with the decision that names them")
  func raw() {
    let scene = scene(.agreeing)
    let listing = Listing(
      id: ListingID(Samples.id(5)),
      codes: found.map(ListingPlan(scene.doubt).found),
      evidence: .agreeing,
      raw: [found[0], Scene.code(8)]
    )
    let pools = Attribution.judge(scene.doubt, listing, past: [])
    #expect(DoubtDecision(scene.doubt, listing, pools).raw == [found[0]])
  }
}
