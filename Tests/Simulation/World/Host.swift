import Provisioning

/// A machine on which one worker runs. It can be stopped and resumed, and it can die.
final class Host: TaskExecutor, @unchecked Sendable {
  enum State { case running, stopped, dead }

  let name: String
  private(set) var state = State.running
  /// Whether it cannot reach the database.
  var isCutOff = false
  private let world: World
  private var parked: [UnownedJob] = []

  init(_ name: String, in world: World) {
    self.name = name
    self.world = world
  }

  /// Takes in a job of the worker: to be run, to be kept until the host is resumed, or never.
  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    switch state {
    case .running: world.enqueue(job, of: self)
    case .stopped: parked.append(job)
    case .dead: break
    }
  }

  func run(_ job: UnownedJob) {
    job.runSynchronously(on: asUnownedTaskExecutor())
  }

  /// Nothing of the worker runs, while time passes.
  func stop() {
    guard state == .running else { return }
    state = .stopped
    parked = world.withdraw(self)
  }

  /// The worker continues where it was.
  func resume() {
    guard state == .stopped else { return }
    state = .running
    for job in parked { world.enqueue(job, of: self) }
    parked = []
  }

  /// Nothing of the worker ever runs again.
  func die() {
    state = .dead
    _ = world.withdraw(self)
    parked = []
  }
}

/// The time of a world, as the clock of one machine in it shows it.
final class WorldClock: WorkerClock, @unchecked Sendable {
  private let world: World
  /// Instants of two processes cannot be compared: each clock has a start of its own.
  private let start: Int64
  /// How far the clock has been set ahead, in nanoseconds.
  private(set) var ahead: Int64 = 0

  init(_ world: World, start: Int64 = 0) {
    self.world = world
    self.start = start
  }

  var now: Instant { Instant(nanoseconds: world.now - start + ahead) }

  func sleep(until instant: Instant) async throws(CancellationError) {
    try await world.sleep(until: instant.nanoseconds + start - ahead)
  }

  /// Sets the clock ahead, or back.
  func step(_ nanoseconds: Int64) {
    ahead += nanoseconds
  }
}
