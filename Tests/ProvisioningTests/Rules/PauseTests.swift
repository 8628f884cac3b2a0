import MemoryStore
import Provisioning
import Testing

@Suite("Pauses are reckoned where failures are counted")
struct PauseTests {
  static let jitters = [0, 0.25, 0.5, 0.999_999]
  static let backoffs: [Backoff] = [.api, .breaker, .reward, .job]

  /// A ledger with a job, and one of another reward, and calls of one code that end one after another.
  struct Scene {
    var ledger = MemoryLedger()
    let job: JobID
    let otherJob: JobID
    private(set) var now: Int64 = 1_000_000_000_000
    private var calls = 0

    init() {
      let limits = Limits(
        requestsPerSecond: 10,
        burst: 1,
        maxInFlight: 4,
        maxInFlightPerReward: 4
      )
      let presence = WorkerPresence(
        id: Samples.worker,
        host: "host",
        process: 1,
        version: "0.0.0",
        limits: limits,
        lengths: Samples.lengths,
        draining: false,
        lifetime: .seconds(1_000_000)
      )
      _ = ledger.heartbeat(presence, now: now)
      let rewards = [Samples.reward, Samples.otherReward]
      let jobs = ledger.insert(rewards.map { JobOrder(reward: $0, count: 1000) }, now: now)
      (job, otherJob) = (jobs[0], jobs[1])
    }

    var account: AccountRow { ledger.account }
    var reward: RewardRow? { ledger.rewards[Samples.reward] }
    /// How long nobody sends from now on.
    var pause: Duration? { account.pausedUntil.map { .microseconds($0 - now) } }
    /// How long no call of the reward is made from now on.
    var rewardPause: Duration? { reward?.pausedUntil.map { .microseconds($0 - now) } }

    /// Ends another call, long after the one before.
    /// - Returns: The settlement, to be repeated.
    @discardableResult
    mutating func end(
      _ outcome: CallOutcome,
      status: Int? = nil,
      feedback: PaceFeedback? = nil,
      jitter: Double = 0.5,
      ofOtherReward isOther: Bool = false
    ) throws -> Settlement {
      now += 10_000_000_000
      calls += 1
      let settlement = SettlementRule.settle(
        Call(
          id: CallID(Samples.id(10_000 + calls)),
          job: isOther ? otherJob : job,
          reward: isOther ? Samples.otherReward : Samples.reward,
          prefix: nil,
          size: 1
        ),
        by: Samples.worker,
        lengths: Samples.lengths,
        report: CallReport(
          outcome: outcome,
          httpStatus: status,
          duration: .zero,
          feedback: feedback
        ),
        team: nil,
        jitter: jitter
      )
      _ = try ledger.settle(settlement, now: now)
      return settlement
    }

    mutating func repeated(_ settlement: Settlement) throws {
      now += 1_000_000
      _ = try ledger.settle(settlement, now: now)
    }
  }

  private static func rejected(_ scope: Rejection.Scope, _ status: Int) -> CallOutcome {
    .rejected(Rejection(scope: scope, code: "the_code", message: "The message."))
  }

  @Test("a pause is the jitter's part of the ceiling, in whole microseconds", arguments: backoffs)
  func parts(_ backoff: Backoff) {
    for failures in 1...101 {
      let ceiling = backoff.ceiling(failures: failures)
      for jitter in Self.jitters {
        let pause = backoff.pause(failures: failures, jitter: jitter)
        #expect(pause >= .zero && pause <= ceiling)
        #expect(pause.microseconds == Int64(Double(ceiling.microseconds) * jitter))
        let steady = backoff.steadyPause(failures: failures, jitter: jitter)
        #expect(steady >= ceiling / 2 && steady <= ceiling)
      }
      #expect(backoff.pause(failures: failures, jitter: 0) == .zero)
      #expect(backoff.steadyPause(failures: failures, jitter: 0) == ceiling / 2)
    }
  }

  @Test("an answer without progress lets the job pause longer each time, and then end")
  func stalled() throws {
    for jitter in Self.jitters.dropFirst() {
      var scene = Scene()
      for stalls in 1..<Bounds.answersWithoutProgress {
        try scene.end(.issued(Samples.answer([])), jitter: jitter)
        let next = try #require(scene.ledger.jobs[scene.job]?.nextCallAt)
        #expect(
          .microseconds(next - scene.now) == Backoff.job.pause(failures: stalls, jitter: jitter)
        )
      }
      try scene.end(.issued(Samples.answer([])), jitter: jitter)
      #expect(scene.ledger.jobs[scene.job]?.state == .ending)
      #expect(scene.ledger.jobs[scene.job]?.errorCode == "no_progress")
    }
  }

  @Test("refusals let only that reward wait, longer each time, until its jobs are held")
  func refused() throws {
    for jitter in Self.jitters {
      var scene = Scene()
      for refusals in 1..<Bounds.rewardRefusals {
        try scene.end(Self.rejected(.forbidden, 403), jitter: jitter)
        let pause = Backoff.reward.pause(failures: refusals, jitter: jitter)
        #expect(scene.rewardPause == pause && scene.account.pausedUntil == nil)
      }
      #expect(scene.ledger.jobs[scene.job]?.held == false)
      try scene.end(Self.rejected(.forbidden, 403), jitter: jitter)
      #expect(scene.ledger.jobs[scene.job]?.held == true)
    }
  }

  @Test("too fast: everyone waits as long as was asked for")
  func paceAsked() throws {
    for asked in [Duration.zero, .milliseconds(1), .seconds(7), .seconds(3600)] {
      var scene = Scene()
      try scene.end(Self.rejected(.pace(pause: asked), 429), status: 429)
      #expect(scene.pause == asked && scene.account.pauseReason == .throttled)
    }
  }

  @Test("too fast: a pause asked for beyond the longest is cut to it")
  func paceCapped() throws {
    for asked in [Duration.seconds(3601), .seconds(1_000_000), .seconds(Int64.max)] {
      var scene = Scene()
      try scene.end(Self.rejected(.pace(pause: asked), 429), status: 429)
      #expect(scene.pause == Bounds.longestPause && scene.account.pauseReason == .throttled)
    }
  }

  @Test("too fast, and no pause is stated: everyone backs off, as after one failure more")
  func paceUnstated() throws {
    for failures in 0..<20 {
      var scene = Scene()
      for _ in 0..<failures { try scene.end(.unknown(.timeout)) }
      try scene.end(Self.rejected(.pace(pause: nil), 429), status: 429, jitter: 0.75)
      #expect(scene.pause == Backoff.api.pause(failures: failures + 1, jitter: 0.75))
      #expect(scene.account.failures == failures)
    }
  }

  @Test("failures let everyone back off; from the one that opens the breaker on, at least by half")
  func failing() throws {
    let endings: [(CallOutcome, PauseReason)] = [
      (.unknown(.timeout), .failing), (.unsent(.noConnection("refused")), .unreachable),
    ]
    for (outcome, reason) in endings {
      for jitter in Self.jitters {
        var scene = Scene()
        for failures in 1...20 {
          try scene.end(outcome, jitter: jitter)
          #expect(scene.account.failures == failures && scene.account.pauseReason == reason)
          #expect((scene.account.breaker == .open) == (failures >= Bounds.breakerFailures))
          if failures < Bounds.breakerFailures {
            #expect(scene.pause == Backoff.api.pause(failures: failures, jitter: jitter))
          } else {
            let opened = failures + 1 - Bounds.breakerFailures
            let longest = Backoff.breaker.ceiling(failures: opened)
            let pause = scene.pause ?? .zero
            #expect(pause >= longest / 2 && pause <= longest)
            #expect(pause == Backoff.breaker.steadyPause(failures: opened, jitter: jitter))
            #expect(scene.account.probeAt == scene.account.pausedUntil)
          }
        }
      }
    }
  }

  @Test("a 5xx that is the reward's own pauses that reward as a refusal does")
  func ownFailure() throws {
    let failure = CallOutcome.unknown(.status(500, code: "http_500", message: "down"))
    var scene = Scene()
    try scene.end(failure, status: 500)
    try scene.end(failure, status: 500)
    let clean = Samples.answer([Samples.code(1, reward: Samples.otherReward)])
    try scene.end(.issued(clean), status: 201, ofOtherReward: true)
    #expect(scene.account.failures == 0 && scene.account.pausedUntil == nil)
    try scene.end(failure, status: 500, jitter: 0.5)
    #expect(scene.reward?.failures == Bounds.ownFailures && scene.account.failures == 0)
    #expect(
      scene.rewardPause == Backoff.reward.pause(failures: Bounds.ownFailures, jitter: 0.5)
    )
  }

  @Test("what an answer asks beside its codes is applied with its settlement, an hour at most")
  func feedback() throws {
    var scene = Scene()
    let feedback = PaceFeedback(pause: .seconds(7), ceiling: 2)
    let answer = CallOutcome.issued(Samples.answer([Samples.code(1)]))
    let settlement = try scene.end(answer, status: 201, feedback: feedback)
    #expect(scene.pause == .seconds(7) && scene.account.pauseReason == .throttled)
    #expect(scene.account.pace?.rate == 2 && scene.account.pace?.reason == .announced)
    let pace = scene.account.pace
    try scene.repeated(settlement)
    #expect(scene.pause == .seconds(7) && scene.account.pace?.rate == 2)
    #expect(scene.account.inFlight == 0 && scene.ledger.jobs[scene.job]?.issued == 1)
    let other = CallOutcome.issued(Samples.answer([Samples.code(2)]))
    try scene.end(other, feedback: PaceFeedback(pause: .seconds(7200), ceiling: 50))
    #expect(scene.account.pace?.rate == pace?.rate && scene.pause == Bounds.longestPause)
  }
}
