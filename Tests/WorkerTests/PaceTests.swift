import MemoryStore
import Provisioning
import Synchronization
import Testing
import Worker

@Suite("the pace of a fleet")
struct PaceTests {
  private static let limits = Limits(
    requestsPerSecond: 20,
    burst: 1,
    maxInFlight: 20,
    maxInFlightPerReward: 20
  )

  private static func configuration(_ number: Int) -> WorkerConfiguration {
    WorkerConfiguration(
      id: Samples.worker(number),
      host: "host",
      process: number,
      version: "0.0.0",
      limits: limits,
      lease: .seconds(15),
      poll: .seconds(5),
      apiTimeout: .seconds(30),
      listingGap: .seconds(10)
    )
  }

  /// When requests arrived while so many workers, each on a busy machine and with a disk that is slow
  /// now and then, ran for 30 seconds.
  private static func arrivals(workers: Int, seed: UInt64, on time: VirtualTime) async
    -> [Instant]
  {
    let memory = MemoryStore(clock: time)
    let disk = Mutex(SeededRandom(seed: seed &+ 200))
    let commit: @Sendable () -> Duration = {
      disk.withLock { random in
        let isSlow = Int.random(in: 0..<10, using: &random) == 0
        return .microseconds(Int.random(in: isSlow ? 10_000...24_000 : 500...4000, using: &random))
      }
    }
    let store = ShakyStore(memory, time: time, committing: commit) { _, _ in nil }
    let issuer = ScriptedIssuer(time: time) { _, _ in
      .init(connecting: .microseconds(300), latency: .milliseconds(120))
    }
    // Few codes, all of which are checked after every request.
    memory.change { ledger, _ in ledger.largestCall = 1 }
    for reward in 1...3 {
      memory.insert(JobOrder(reward: Samples.reward(reward), count: 1_000_000))
    }
    let fleet = (1...workers).map { number in
      Worker(
        configuration: configuration(number),
        store: store,
        issuer: issuer,
        clock: LateClock(time, seed: seed &+ UInt64(number)),
        random: SeededRandom(seed: seed &+ 100 &+ UInt64(number)),
        logger: LogBook().logger
      )
    }
    let end = time.now + .seconds(30)
    await withTaskGroup(of: Void.self) { group in
      for worker in fleet { group.addTask { await worker.run() } }
      await time.pass(.seconds(30))
      for worker in fleet { worker.drain() }
    }
    #expect(memory.brokenInvariants == [])
    return issuer.requests.map(\.at).filter { $0 < end }
  }

  /// The most that any window of one second holds.
  private static func mostInOneSecond(_ times: [Instant]) -> Int {
    var (first, most) = (0, 0)
    for last in times.indices {
      while times[last] - times[first] >= .seconds(1) { first += 1 }
      most = max(most, last - first + 1)
    }
    return most
  }

  @Test(
    "in no sliding second more arrives than the limit, and nearly every slot is used",
    arguments: [1, 3],
    [1, 2, 3] as [UInt64]
  )
  func sliding(workers: Int, seed: UInt64) throws {
    try VirtualTime.run(seed: seed) { time in
      let arrivals = await Self.arrivals(workers: workers, seed: seed, on: time)
      #expect(Self.mostInOneSecond(arrivals) <= 20)
      #expect(arrivals.count >= 582, "of 600 slots \(arrivals.count) were used")
    }
  }

  @Test("other limits take effect while the worker runs, on its lanes too")
  func newLimits() throws {
    let slow = Limits(requestsPerSecond: 100, burst: 1, maxInFlight: 1, maxInFlightPerReward: 1)
    let wide = Limits(requestsPerSecond: 100, burst: 1, maxInFlight: 6, maxInFlightPerReward: 6)
    let script: @Sendable (Int, Call) -> ScriptedIssuer.Scene = { _, _ in
      .init(latency: .seconds(1))
    }
    try Trial.run(.init(limits: slow, poll: .seconds(3600), script: script)) { trial in
      trial.memory.change { ledger, _ in ledger.largestCall = 1 }
      trial.insert(100)
      trial.worker.wake()
      await trial.time.pass(.seconds(5))
      #expect(trial.issuer.mostInFlight == 1)
      trial.worker.setLimits(wide)
      await trial.time.pass(.seconds(3))
      #expect(trial.issuer.mostInFlight == 6)
      trial.memory.change { ledger, now in ledger.setLimits(.init(maxInFlight: 9), now: now) }
      trial.worker.heartbeat()
      await trial.time.pass(.seconds(3))
      #expect(trial.issuer.mostInFlight == 6)
      trial.memory.change { ledger, now in
        ledger.setLimits(.init(maxInFlight: 9, maxInFlightPerReward: 9), now: now)
      }
      trial.worker.heartbeat()
      await trial.time.pass(.seconds(3))
      #expect(trial.issuer.mostInFlight == 9)
      try await trial.untilAllCompleted()
    }
  }

  @Test("what the answer to a call asks of the pace is settled with it, in no other request")
  func feedbackOfCalls() throws {
    let script: @Sendable (Int, Call) -> ScriptedIssuer.Scene = { number, _ in
      .init(feedback: number == 1 ? PaceFeedback(pause: .seconds(60), ceiling: 3) : nil)
    }
    try Trial.run(.init(script: script)) { trial in
      let job = trial.insert(500)
      trial.worker.wake()
      try await trial.until { $0.jobs[job]?.state == .completed }
      let account = trial.memory.ledger.account
      #expect(account.pace?.reason == .announced && account.pace?.rate == 3)
      #expect(account.pauseReason == .throttled)
      trial.insert(500)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      let requests = trial.issuer.requests
      #expect(requests.count == 2 && requests[1].at - requests[0].at >= .seconds(60))
      #expect(trial.store.entries(.feedback).isEmpty)
    }
  }

  @Test("what the answer to a list asks of the pace is applied at once, whatever the list showed")
  func feedbackOfLists() throws {
    let script: @Sendable (Int, Call) -> ScriptedIssuer.Scene = { number, _ in
      number == 1 ? .init() : .init(ending: .lost)
    }
    try Trial.run(.init(script: script)) { trial in
      trial.issuer.startListing()
      trial.insert(3)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      trial.issuer.listingsSay([PaceFeedback(isRefusal: true, pause: .seconds(9))])
      trial.insert(3)
      trial.worker.wake()
      try await trial.until { $0.account.pace?.reason == .throttled }
      #expect(trial.store.entries(.feedback).count == 1)
      try await trial.untilAllCompleted()
    }
  }
}
