import MemoryStore
import Provisioning
import Testing

@Suite("attribution by time")
struct WindowTests {
  private typealias Scene = DoubtScene

  /// A call of the first minute whose list has the times of its answers.
  private let calibrated = Scene(Scene.call(0, size: 1))
  /// The same without witnesses, beside a reference that has the times of its answers.
  private var coarse: Scene {
    var scene = calibrated
    scene.evidence = Evidence()
    scene.reference = .agreeing
    return scene
  }
  /// The same where the reference tells no times either.
  private var unseen: Scene {
    var scene = coarse
    scene.reference = Evidence(witnesses: 1)
    return scene
  }
  /// The same before any offset was learnt.
  private var byDate: Scene {
    var scene = coarse
    scene.offset = nil
    return scene
  }

  @Test("rule 10: only codes of a call's window can be its own, as wide as the clock is known")
  func bases() {
    let day = 26 * 3600 + 1
    for (scene, margin) in [(calibrated, 1), (coarse, 121), (unseen, day), (byDate, day)] {
      let margin = Int64(margin)
      #expect(scene.twice([Scene.code(1, at: -margin - 120)]).absent.count == 1)
      #expect(scene.twice([Scene.code(1, at: -margin)]).holdReason == .outOfTime)
      #expect(scene.twice([Scene.code(1, at: -margin + 1)]).given == [0: 1])
      #expect(scene.twice([Scene.code(1, at: 59 + margin)]).given == [0: 1])
      #expect(scene.twice([Scene.code(1, at: 60 + margin)]).holdReason == .outOfTime)
    }
  }

  @Test("rule 10: the window is where the API's clock says, by answers or by the list's Date")
  func offsets() {
    let ahead = ClockOffset(low: 1_000_000_000_000, high: 1_000_000_000_000)
    for var scene in [calibrated, coarse, unseen, byDate] {
      if scene.offset != nil { scene.offset = ahead } else { scene.date = ahead }
      #expect(scene.twice([Scene.code(1, at: 1_000_030)]).given == [0: 1])
      #expect(scene.twice([Scene.code(1, at: 30)]).absent.count == 1)
    }
  }

  @Test("rule 10: where a witness has another time than in its answer, time excludes nothing")
  func differing() {
    var listed = calibrated
    listed.evidence.timesDiffer = 1
    var reference = coarse
    reference.reference = Evidence(witnesses: 2, timesDiffer: 2)
    var distrusted = calibrated
    distrusted.isClockDistrusted = true
    for scene in [listed, reference, distrusted] {
      for second in [-18_000, 18_000] as [Int64] {
        #expect(scene.atOnce([Scene.code(1, at: second)]).isEmpty)
        #expect(scene.twice([Scene.code(1, at: second)]).given == [0: 1])
      }
    }
  }

  @Test("rule 12: all that is found is adopted at once where times have been compared with answers")
  func atOnce() {
    let found = [Scene.code(1)]
    #expect(calibrated.atOnce(found).given == [0: 1])
    #expect(coarse.atOnce(found).given == [0: 1])
    #expect(unseen.atOnce(found).isEmpty && byDate.atOnce(found).isEmpty)
  }

  @Test(
    "rule 10: where no witness tells a time, a list may be of any zone, whatever answers showed"
  )
  func zoneUnseen() {
    // Answers are right, the list is five hours behind, and its order is not kept: the reference's first
    // page has no code that is known.
    let made = Scene.codes(0..<5, at: 30 - 5 * 3600)
    var scene = Scene(Scene.call(0, size: 5))
    scene.evidence = Evidence(witnesses: 3)
    scene.reference = Evidence()
    #expect(scene.atOnce(made).isEmpty && scene.twice(made).given == [0: 5])
  }

  @Test(
    "rule 10: an offset is as uncertain for a call of long ago as clocks can have drifted since"
  )
  func drift() {
    let offset = ClockOffset(low: -5, high: 5)
    let now = Timestamp(microseconds: 3_600_000_000)
    let then = offset.asOf(Timestamp(microseconds: 0), measuredBy: now)
    #expect(then == ClockOffset(low: -3_600_005, high: 3_600_005))
    #expect(
      offset.asOf(now, measuredBy: now) == offset && offset.asOf(nil, measuredBy: now) == offset
    )
  }

  @Test("rule 10: codes made by hand long ago are nobody's, on a fresh ledger too")
  func oldCodes() {
    let old = Scene.codes(0..<500, at: -100 * 86_400)
    var fresh = Scene(Scene.call(0, size: 500))
    fresh.offset = nil
    fresh.evidence = Evidence()
    let decision = fresh.twice(old)
    #expect(decision.absent.count == 1 && decision.adopted.isEmpty)
    // The same beside an answer with two nulls, whose other codes are witnesses.
    var short = Scene(Scene.call(0, size: 10, lacks: 2, isAnswered: true))
    short.offset = nil
    let none = short.once(Array(old.prefix(40)))
    #expect(none.absent.count == 1 && none.adopted.isEmpty && none.unattributed.isEmpty)
  }

  @Test("rule 10: a time in whole seconds stands for every moment that it may have been cut from")
  func wholeSeconds() {
    func decide(_ microseconds: Int64, offset: Int64 = 0) -> DoubtDecision {
      var scene = Scene(Scene.call(0, size: 1, from: 10, until: 20))
      scene.offset = ClockOffset(low: offset, high: offset)
      return scene.twice([Samples.code(1, createdAt: microseconds)])
    }
    #expect(decide(9_000_000).given == [0: 1] && decide(21_000_000).given == [0: 1])
    for (inTime, outOfTime) in [
      (9_000_000, 8_000_000), (21_000_000, 22_000_000), (9_999_000, 9_998_000),
      (9_999_999, 9_999_998),
    ] as [(Int64, Int64)] {
      #expect(decide(inTime).given == [0: 1] && decide(outOfTime).holdReason == .outOfTime)
    }
    #expect(decide(9_000_000, offset: 500_000).holdReason == .outOfTime)
  }

  @Test("rule 10: each call has its own window, and takes only codes that were made in it")
  func ownWindows() {
    let calls = [Scene.call(0, size: 2), Scene.call(1, size: 2, from: 1000)]
    let two = Scene(calls)
    let (first, second) = (Scene.codes(0..<2, at: 30), Scene.codes(2..<4, at: 1030))
    #expect(two.atOnce(second + first).codes == [0: [0, 1], 1: [2, 3]])
    // Either call explains the number, and only one of them the time.
    let later = two.twice(second)
    #expect(later.codes == [1: [2, 3]] && later.absent == [CallID(Samples.id(100))])
    // As many as both lack, and more than the later one can have made.
    #expect(two.atOnce(second + Scene.codes(4..<6, at: 1030)).isEmpty)
    #expect(two.twice(second + Scene.codes(4..<6, at: 1030)).holdReason == .indistinct)
    // A code of the time between them is after the first, and nobody's.
    #expect(two.twice(second + [Scene.code(9, at: 500)]).holdReason == .outOfTime)
  }

  @Test(
    "rule 12: calls and windows are explained where brute force explains them",
    arguments: 1...60
  )
  func bruteForce(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var start: Int64 = 0
    let calls = (0..<Int.random(in: 1...5, using: &random)).map { place in
      start += Int64.random(in: 0...40, using: &random)
      let size = Int.random(in: 1...3, using: &random)
      return Scene.call(
        place,
        size: size,
        isAnswered: Int.random(in: 0..<4, using: &random) == 0,
        from: start,
        until: start + Int64.random(in: 5...80, using: &random)
      )
    }
    let codes = (0..<Int.random(in: 0...7, using: &random)).map {
      Scene.code($0, at: Int64.random(in: 0...(start + 59), using: &random))
    }
    let inTime = codes.filter { code in calls.contains { isInWindow(code, $0) } }
    let decision = Scene(calls).twice(inTime)
    #expect(decision.held.isEmpty == canShare(inTime[...], calls.map { ($0, 0) }))
    for adoption in decision.adopted {
      let call = calls[Int(adoption.call.job.number)]
      #expect(call.isAnswered || adoption.codes.count == call.lacks)
      #expect(adoption.codes.allSatisfy { id in isInWindow(codes[Int(id.id.bits) - 1000], call) })
    }
  }

  private func isInWindow(_ code: IssuedCode, _ call: DoubtfulCall) -> Bool {
    guard let time = code.createdAt?.microseconds else { return true }
    return call.earliest.microseconds <= time + 1
      && time - 1 <= call.effectiveUntil.microseconds
  }

  @Test("rule 12: many calls take runs of the codes, in the order of their making")
  func manyCalls() {
    let calls = (0..<20).map { Scene.call($0, size: 2 + $0 % 3, from: Int64($0) * 4) }
    let made = calls.filter { $0.call.job.number % 2 == 0 }
    let codes = made.flatMap { call in
      let number = Int(call.call.job.number)
      return Scene.codes(number * 10..<number * 10 + call.lacks, at: Int64(number) * 4 + 50)
    }
    let decision = Scene(calls).twice(codes)
    #expect(decision.held.isEmpty)
    #expect(decision.given.values.reduce(0, +) == codes.count)
    for adoption in decision.adopted {
      let call = calls[Int(adoption.call.job.number)]
      let own = codes.filter { adoption.codes.contains($0.id) }
      #expect(own.count == call.lacks && own.allSatisfy { isInWindow($0, call) })
    }
    // One more that none of them asked for.
    let more = Scene(calls).twice(codes + [Scene.code(999, at: 1000)])
    #expect(more.holdReason == .outOfTime)
  }

  /// Whether each code can go to a call, tried one by one, so that calls without an answer get all or
  /// none.
  private func canShare(_ codes: ArraySlice<IssuedCode>, _ calls: [(DoubtfulCall, Int)]) -> Bool {
    guard let code = codes.first else {
      return calls.allSatisfy { $0.isAnswered || $1 == 0 || $1 == $0.lacks }
    }
    return calls.indices.contains { place in
      let (call, taken) = calls[place]
      guard taken < call.lacks, isInWindow(code, call) else { return false }
      var rest = calls
      rest[place].1 += 1
      return canShare(codes.dropFirst(), rest)
    }
  }

  @Test("rule 12: while codes are there that were made too late to be theirs, no call is absent")
  func late() {
    let two = Scene(Scene.call(0, size: 1), Scene.call(1, size: 3))
    let (inTime, late) = (Scene.code(1, at: 30), Scene.code(2, at: 61))
    #expect(two.twice([inTime]).absent.count == 1)
    #expect(two.atOnce([late]).isEmpty)
    for codes in [[late], [inTime, late]] {
      let decision = two.twice(codes)
      #expect(decision.holdReason == .outOfTime && decision.held.count == 2)
      #expect(decision.adopted.isEmpty && Set(decision.unattributed) == Set(codes.map(\.id)))
    }
    // Who finds everything in time needs no other code, and one that cannot be theirs is none.
    #expect(calibrated.atOnce([inTime, late]).codes == [0: [1]])
    var other = Scene(Scene.call(0, size: 1, prefix: "WINTER"))
    other.evidence = .literal(["WINTER"])
    #expect(other.twice([late]).absent.count == 1)
    // An answered call had made its codes by then, unless the API's clock is not steady.
    let answered = Scene(Scene.call(0, size: 1, isAnswered: true))
    #expect(answered.once([Scene.code(2, at: 60 + 121)]).absent.count == 1)
    #expect(answered.once([late]).isEmpty && answered.twice([late]).holdReason == .outOfTime)
  }

  @Test(
    "rule 12: nor while codes are there from shortly before: the API's clock may have been set, or be another"
  )
  func early() {
    for isAnswered in [false, true] {
      let scene = Scene(Scene.call(0, size: 20, isAnswered: isAnswered))
      let made = Scene.codes(0..<20, at: -1)
      let decision = scene.twice(made)
      #expect(decision.holdReason == .outOfTime && decision.adopted.isEmpty)
      #expect(decision.unattributed.count == 20)
      #expect(scene.twice(Scene.codes(0..<20, at: -121)).absent.count == 1)
    }
    // Codes of another call's window are explained, and those with another prefix are nobody's.
    let two = Scene(Scene.call(0, size: 1), Scene.call(1, size: 1, from: 70))
    #expect(two.twice([Scene.code(1, at: 30)]).given == [0: 1])
    var other = Scene(Scene.call(0, size: 1, prefix: "WINTER"))
    other.evidence = .literal(["WINTER"])
    #expect(other.twice([Scene.code(1, at: -1)]).absent.count == 1)
  }

  @Test("rule 12: codes that somebody else makes all the time agree once the windows are over")
  func stream() {
    let stream = (0..<100).map { Scene.code($0, at: Int64($0) * 3) }
    let five = Scene(Scene.call(0, size: 5))
    #expect(five.after(Array(stream.prefix(15)), Array(stream.prefix(16))).isEmpty)
    let over = five.after(Array(stream.prefix(40)), Array(stream.prefix(50)))
    #expect(over.holdReason == .outOfTime && over.unattributed.count == 50)
  }
}
