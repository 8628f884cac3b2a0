import Logging
import MemoryStore
import Provisioning
import Worker

/// The workers of one simulation, and what happens to them.
final class Crew: @unchecked Sendable {
  /// How a worker is configured.
  enum Temper {
    /// As by default.
    case usual
    /// Asks once an hour, so that days pass in no time.
    case patient
  }

  private final class Member: @unchecked Sendable {
    let host: Host
    let clock: WorldClock
    let worker: Worker
    var isGone = false

    init(_ host: Host, _ clock: WorldClock, _ worker: Worker) {
      self.host = host
      self.clock = clock
      self.worker = worker
    }
  }

  private let stage: Stage
  private let api: SimulatedAPI
  private var members: [Member] = []
  private var hired = 0
  private var isHiring = true
  private let rate: Double

  private var world: World { stage.world }

  init(_ stage: Stage, _ api: SimulatedAPI) {
    self.stage = stage
    self.api = api
    rate = [0.5, 3, 20].randomElement(using: &stage.world.random) ?? 20
  }

  /// Starts a worker on a host of its own.
  func hire(_ temper: Temper) {
    hired += 1
    let host = Host("w\(hired)", in: world)
    let configuration = configuration(temper)
    let clock = WorldClock(world, start: world.draw(.zero...(.seconds(1000))))
    let worker = Worker(
      configuration: configuration,
      store: FaultyStore(host: host, stage: stage),
      issuer: FaultyIssuer(
        api: api,
        host: host,
        timeout: configuration.apiTimeout,
        listingGap: configuration.listingGap
      ),
      clock: clock,
      random: SeededRandom(seed: world.random.next()),
      logger: Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
    )
    let member = Member(host, clock, worker)
    members.append(member)
    world.note("\(host.name) starts")
    Task(executorPreference: host) {
      await member.worker.run()
      member.isGone = true
    }
  }

  /// A worker dies, with everything that it had in hand; another one takes its place.
  func killOne(backAfter pause: Duration) {
    guard let member = living.randomElement(using: &world.random) else { return }
    kill(member.host, backAfter: pause)
  }

  /// The worker of a host dies.
  func kill(_ host: Host, backAfter pause: Duration?) {
    world.note("\(host.name) dies")
    stage.tally.crashes += 1
    host.die()
    for member in members where member.host === host { member.isGone = true }
    guard let pause else { return }
    world.at(world.now + pause.nanoseconds) { [self] in
      if isHiring { hire(.usual) }
    }
  }

  /// Every worker dies, and none takes its place.
  /// - Returns: How many there were.
  func killAll() -> Int {
    let all = living
    for member in all { kill(member.host, backAfter: nil) }
    return all.count
  }

  /// A worker is stopped and resumed, as with SIGSTOP or a suspended machine.
  func stopOne(for pause: Int64) {
    guard let member = living.randomElement(using: &world.random),
      member.host.state == .running
    else { return }
    world.note("\(member.host.name) is stopped")
    stage.tally.stops += 1
    member.host.stop()
    world.at(world.now + pause) { [world] in
      world.note("\(member.host.name) is resumed")
      member.host.resume()
    }
  }

  /// A worker cannot reach the database for a while.
  func cutOffOne(for pause: Int64) {
    guard let member = living.randomElement(using: &world.random) else { return }
    world.note("\(member.host.name) is cut off from the database")
    member.host.isCutOff = true
    world.at(world.now + pause) { member.host.isCutOff = false }
  }

  /// The clock of a worker's machine goes ahead, as it does when a virtual machine is moved.
  func setAheadOne(by time: Int64) {
    guard let member = living.randomElement(using: &world.random) else { return }
    world.note("the clock of \(member.host.name) goes ahead by \(time / 1_000_000) ms")
    stage.tally.clockSteps += 1
    member.clock.step(time)
  }

  /// Every worker that is stopped or cut off continues.
  func resumeAll() {
    for member in living {
      member.host.isCutOff = false
      member.host.resume()
    }
  }

  func drainAll() {
    isHiring = false
    for member in living { member.worker.drain() }
  }

  /// Whether every worker has ended, or died.
  var isGone: Bool { living.isEmpty }

  private var living: [Member] { members.filter { !$0.isGone } }

  private func configuration(_ temper: Temper) -> WorkerConfiguration {
    let isUsual = temper == .usual
    var configuration = WorkerConfiguration(
      id: WorkerID(UniqueID(random: &world.random)),
      host: "host",
      process: hired,
      version: "0.0.0",
      limits: Limits(requestsPerSecond: rate, burst: 2, maxInFlight: 4, maxInFlightPerReward: 2),
      lease: isUsual ? draw([5, 15, 40], usually: 15) : .seconds(3600),
      poll: .seconds(isUsual ? 5 : 3600),
      apiTimeout: draw([3, 30, 60], usually: 30),
      listingGap: draw([2, 10, 20], usually: 10)
    )
    configuration.progressInterval = .seconds(isUsual ? 30 : 3600)
    return configuration
  }

  /// A length among the settings of a fleet, in seconds.
  private func draw(_ lengths: [Int], usually usual: Int) -> Duration {
    guard stage.chaos.isFleetMixed else { return .seconds(usual) }
    return .seconds(lengths.randomElement(using: &world.random) ?? usual)
  }
}
