import Provisioning
import Testing

@Suite("watches")
struct WatchTests {
  private typealias Scene = DoubtScene

  private func watch(
    _ lacking: [DoubtfulCall] = [],
    since: Timestamp? = Timestamp(microseconds: 0),
    offset: ClockOffset? = ClockOffset(low: 0, high: 0),
    isAwaited: Bool = false,
    dueAgo: Duration = .zero,
    failures: Int = 0,
    failingFor: Duration? = nil
  ) -> WatchCase {
    let now: Int64 = 1_000_000_000_000
    return WatchCase(
      reward: Samples.reward,
      mustShow: [],
      lacking: lacking,
      since: since,
      offset: offset,
      dueAt: Timestamp(microseconds: now - dueAgo.microseconds),
      now: Timestamp(microseconds: now),
      isAwaited: isAwaited,
      failures: failures,
      failingSince: failingFor.map { Timestamp(microseconds: now - $0.microseconds) }
    )
  }

  private func find(_ watch: WatchCase, _ codes: [IssuedCode], _ evidence: Evidence = .agreeing)
    -> WatchFinding
  {
    watch.finding(
      in: Listing(
        id: ListingID(Samples.id(5)),
        codes: codes.map(ListingPlan(watch).found),
        evidence: evidence
      ),
      listedUntil: watch.now
    )
  }

  @Test("rule 14: codes of its window count for a call as far as it lacks them, the oldest first")
  func lacking() {
    let calls = [
      Scene.call(0, size: 5, lacks: 2, isAnswered: true),
      Scene.call(1, size: 5, isAnswered: true, from: 1000),
    ]
    let codes = [
      Scene.code(3, at: 30), Scene.code(1, at: 10), Scene.code(2, at: 20), Scene.code(4, at: 500),
      Scene.code(5, at: 1030), Scene.code(6, at: 5000), Scene.code(7, at: -100),
    ]
    let finding = find(watch(calls), codes)
    #expect(finding.adopted.map(\.codes) == [[codes[1].id, codes[2].id], [codes[4].id]])
  }

  @Test("rule 14: a call is given none that lack its prefix where calls differ in it")
  func prefixes() {
    let calls = [
      Scene.call(0, size: 2, prefix: "SUMMER", isAnswered: true),
      Scene.call(1, size: 2, prefix: "WINTER", isAnswered: true),
    ]
    let codes = [Scene.code(1, "WINTER1"), Scene.code(2, "other")]
    for evidence in [Evidence.agreeing, .literal(["SUMMER", "WINTER"])] {
      let adopted = find(watch(calls), codes, evidence).adopted
      #expect(adopted.map(\.call.job) == [JobID(1)] && adopted.map(\.codes) == [[codes[0].id]])
    }
  }

  @Test("rule 14: without true texts and an offset that answers showed, all is late surplus")
  func evidence() {
    let calls = [Scene.call(0, size: 2, isAnswered: true)]
    let codes = [Scene.code(1)]
    let differs = Evidence(witnesses: 2, textsDiffer: 1, timesAgree: 2)
    #expect(find(watch(calls), codes).isBelieved)
    for (watch, evidence) in [
      (watch(calls), differs), (watch(calls), Evidence()), (watch(calls, offset: nil), .agreeing),
      (watch(calls), Evidence(witnesses: 2, timesDiffer: 1)),
    ] {
      #expect(find(watch, codes, evidence).adopted.isEmpty)
    }
    #expect(!find(watch(calls), codes, differs).isBelieved)
    #expect(!find(watch(calls), codes, Evidence()).isBelieved)
    let otherTimes = Evidence(witnesses: 2, timesDiffer: 1)
    #expect(!find(watch(calls), codes, otherTimes).isBelieved)
  }

  @Test("rule 14: what is certainly older than the watched time is left alone")
  func since() {
    // A day later clocks can have drifted apart by one in a thousand of it.
    let drift: Int64 = 86_400_000
    #expect(find(watch(), []).since == Timestamp(microseconds: -drift))
    let anyZone = Timestamp(microseconds: -drift - 26 * 3_600_000_000)
    #expect(find(watch(), [], Evidence()).since == anyZone)
    #expect(find(watch(), [], Evidence(witnesses: 1, timesDiffer: 1)).since == nil)
    #expect(find(watch(since: nil), []).since == nil)
  }

  @Test("rule 14: a watch whose list fails waits ever longer, and is given up after a day")
  func patience() {
    func pause(_ failures: Int, failingFor: Duration?, isAwaited: Bool = false) -> Duration? {
      watch(isAwaited: isAwaited, failures: failures, failingFor: failingFor)
        .pause(after: .failed("http_500"))
    }
    let hour = Duration.seconds(3600)
    #expect(pause(0, failingFor: nil) == .seconds(30))
    #expect(pause(1, failingFor: .zero) == .seconds(60))
    #expect(pause(6, failingFor: hour) == .seconds(1920))
    #expect(pause(500, failingFor: hour * 23) == hour)
    #expect(pause(500, failingFor: hour * 24) == nil)
    // Calls wait for this one: it is asked for more often, and a person has to decide sooner.
    #expect(pause(0, failingFor: nil, isAwaited: true) == .seconds(2))
    #expect(pause(9, failingFor: .zero, isAwaited: true) == .seconds(60))
    #expect(pause(3, failingFor: hour, isAwaited: true) == nil)
  }

  @Test("rule 18: a list that calls wait for is left alone as long as it may be out of date")
  func awaited() {
    func delay(dueAgo: Int64, isAwaited: Bool = true, failures: Int = 0) -> Duration? {
      watch(isAwaited: isAwaited, dueAgo: .seconds(dueAgo), failures: failures)
        .delay(listingGap: .seconds(10))
    }
    #expect(delay(dueAgo: 0) == .seconds(10))
    #expect(delay(dueAgo: 7) == .seconds(3))
    #expect(delay(dueAgo: 10) == nil)
    #expect(delay(dueAgo: 0, failures: 1) == nil)
    #expect(delay(dueAgo: 0, isAwaited: false) == nil)
  }
}
