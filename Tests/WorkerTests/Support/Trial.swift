import MemoryStore
import Provisioning
import Synchronization
import Testing
import Worker

/// One worker in virtual time, and everything around it.
struct Trial: Sendable {
  /// What a trial can be told to be like.
  struct Setting: Sendable {
    var seed: UInt64 = 1
    var limits = Limits(
      requestsPerSecond: 100,
      burst: 1,
      maxInFlight: 4,
      maxInFlightPerReward: 2
    )
    var lease: Duration = .seconds(15)
    var poll: Duration = .seconds(5)
    /// How codes are tracked, if they are.
    var sync: SyncRules?
    /// How long old calls are kept; nil for ever.
    var callRetention: Duration?
    var script: @Sendable (Int, Call) -> ScriptedIssuer.Scene = { _, _ in .init() }
    var faults: @Sendable (ShakyStore.Question, Int) -> ShakyStore.Fault? = { _, _ in nil }
  }

  let time: VirtualTime
  let memory: MemoryStore
  let store: ShakyStore
  let issuer: ScriptedIssuer
  let worker: Worker
  let log = LogBook()
  let start: Instant
  private let rounds: Counter

  private final class Counter: Sendable {
    let value = Mutex(0)
  }

  static let id = Samples.worker(1)

  private init(_ setting: Setting, on time: VirtualTime) {
    self.time = time
    start = time.now
    memory = MemoryStore(clock: time)
    store = ShakyStore(memory, time: time, script: setting.faults)
    issuer = ScriptedIssuer(time: time, script: setting.script)
    let rounds = Counter()
    self.rounds = rounds
    var configuration = WorkerConfiguration(
      id: Self.id,
      host: "host",
      process: 1,
      version: "0.0.0",
      limits: setting.limits,
      lease: setting.lease,
      poll: setting.poll,
      apiTimeout: .seconds(30),
      listingGap: .seconds(10)
    )
    configuration.sync = setting.sync
    configuration.callRetention = setting.callRetention
    worker = Worker(
      configuration: configuration,
      store: store,
      issuer: issuer,
      clock: time,
      random: SeededRandom(seed: setting.seed &+ 77),
      logger: log.logger,
      onProgress: { rounds.value.withLock { $0 += 1 } }
    )
  }

  /// Lets a worker run while `body` does something beside it, and drains it afterwards.
  static func run(
    _ setting: Setting = Setting(),
    _ body: @escaping @Sendable (Trial) async throws -> Void
  ) throws {
    try VirtualTime.run(seed: setting.seed) { time in
      let trial = Trial(setting, on: time)
      async let running: Void = trial.worker.run()
      do {
        try await body(trial)
      } catch {
        trial.store.setAway(false)
        trial.worker.drain()
        await running
        throw error
      }
      trial.worker.drain()
      await running
      #expect(trial.memory.brokenInvariants == [])
      #expect(trial.worker.callsInFlight == [])
      #expect(!trial.log.lines.contains { $0.metadata.contains("CODE-") })
    }
  }

  /// How often the dispatcher went round.
  var progress: Int { rounds.value.withLock { $0 } }

  /// Time since the start.
  var elapsed: Duration { time.now - start }

  @discardableResult
  func insert(_ count: Int, of reward: Int = 1, delay: Duration = .zero) -> JobID {
    memory.insert(JobOrder(reward: Samples.reward(reward), count: count, delay: delay))
  }

  func job(_ id: JobID) throws -> JobRow {
    try #require(memory.ledger.jobs[id])
  }

  /// Waits until the ledger is so.
  func until(
    within limit: Duration = .seconds(3600),
    every step: Duration = .milliseconds(10),
    _ condition: (MemoryLedger) throws -> Bool
  ) async throws {
    let end = time.now + limit
    while try !condition(memory.ledger) {
      try #require(time.now < end, "it did not come about in \(limit)")
      await time.pass(step)
    }
  }

  /// Waits until every job has ended, and compares the three numbers.
  func untilAllCompleted() async throws {
    try await until { ledger in ledger.jobs.values.allSatisfy { $0.state == .completed } }
    let ledger = memory.ledger
    let asked = ledger.jobs.values.reduce(0) { $0 + $1.count }
    #expect(ledger.codes.count == asked)
    #expect(issuer.codesMade == asked)
    #expect(ledger.codes.values.allSatisfy { !$0.isSurplus })
  }
}

extension Trial {
  /// Lets a second worker run at the same ledger and API while `body` does something.
  func withSecondWorker(_ body: () async throws -> Void) async throws {
    let second = Worker(
      configuration: WorkerConfiguration(
        id: Samples.worker(2),
        host: "other",
        process: 2,
        version: "0.0.0",
        limits: Limits(requestsPerSecond: 100, burst: 1, maxInFlight: 4, maxInFlightPerReward: 2),
        lease: .seconds(15),
        poll: .seconds(5),
        apiTimeout: .seconds(30),
        listingGap: .seconds(10)
      ),
      store: store,
      issuer: issuer,
      clock: time,
      random: SeededRandom(seed: 99),
      logger: log.logger
    )
    async let running: Void = second.run()
    do {
      try await body()
    } catch {
      second.drain()
      await running
      throw error
    }
    second.drain()
    await running
  }
}

/// Something that a test turns on and off while workers run.
final class Switch: Sendable {
  private let state = Mutex(false)

  var isOn: Bool {
    get { state.withLock { $0 } }
    set { state.withLock { $0 = newValue } }
  }
}
