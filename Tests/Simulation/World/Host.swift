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

  /// It goes on where it was.
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
