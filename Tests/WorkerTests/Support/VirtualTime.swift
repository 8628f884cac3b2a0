// Tests of the worker: the whole daemon without wires, in virtual time and on one thread.
//
// `VirtualTime` is the executor of everything that runs in a test and its clock. Tasks that can run
// do, one after another in an order drawn from a seed; when all of them wait, the clock jumps to the
// next moment that one waits for. So hours pass in milliseconds, nothing depends on how busy the
// machine is, and a seed replays one interleaving exactly.
//
// `Trial` puts a worker on it, with the ledger in memory behind a `ShakyStore` that loses answers
// on order, and a `ScriptedIssuer` in the place of the API.

import MemoryStore
import Provisioning
import Synchronization

/// An executor whose time passes only while all of its tasks wait.
final class VirtualTime: TaskExecutor, WorkerClock {
  private struct State {
    var nanoseconds: Int64 = 1_000_000_000_000_000_000
    var ready: [UnownedJob] = []
    var sleepers: [Int: Sleeper] = [:]
    var lastSleeper = 0
    var stepsWithoutTime = 0
    var random: SeededRandom
  }

  private struct Sleeper {
    let end: Instant
    let continuation: CheckedContinuation<Bool, Never>
  }

  /// Why a run was given up.
  enum Stuck: Error {
    /// Every task waits for something that no time will bring.
    case everybodyWaits
    /// Tasks keep going round without any time passing.
    case goesRound
  }

  private let state: Mutex<State>

  private init(seed: UInt64) {
    state = Mutex(State(random: SeededRandom(seed: seed)))
  }

  /// Runs `body` and all its tasks to their end.
  static func run(
    seed: UInt64 = 1,
    _ body: @escaping @Sendable (VirtualTime) async throws -> Void
  ) throws {
    let time = VirtualTime(seed: seed)
    let outcome = Outcome()
    Task(executorPreference: time) {
      do {
        try await body(time)
        outcome.value.withLock { $0 = .success(()) }
      } catch {
        outcome.value.withLock { $0 = .failure(error) }
      }
    }
    while true {
      if let result = outcome.value.withLock({ $0 }) { return try result.get() }
      try time.step()
    }
  }

  private final class Outcome: Sendable {
    let value = Mutex<Result<Void, any Error>?>(nil)
  }

  var now: Instant { Instant(nanoseconds: state.withLock { $0.nanoseconds }) }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    state.withLock { $0.ready.append(job) }
  }

  func sleep(until instant: Instant) async throws(CancellationError) {
    let number = state.withLock { state in
      state.lastSleeper += 1
      return state.lastSleeper
    }
    let wasCancelled = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isCancelled = Task.isCancelled
        if !isCancelled {
          state.withLock {
            $0.sleepers[number] = Sleeper(end: instant, continuation: continuation)
          }
        } else {
          continuation.resume(returning: true)
        }
      }
    } onCancel: {
      state.withLock { $0.sleepers.removeValue(forKey: number) }?
        .continuation.resume(returning: true)
    }
    if wasCancelled { throw CancellationError() }
  }

  /// Waits, whatever becomes of the task.
  func pass(_ duration: Duration) async {
    try? await sleep(until: now + duration)
  }

  /// Runs one task, or lets time pass.
  private func step() throws(Stuck) {
    let job = state.withLock { state -> UnownedJob? in
      guard !state.ready.isEmpty else { return nil }
      state.stepsWithoutTime += 1
      let place = Int.random(in: 0..<state.ready.count, using: &state.random)
      return state.ready.remove(at: place)
    }
    if let job {
      guard state.withLock({ $0.stepsWithoutTime < 1_000_000 }) else { throw .goesRound }
      job.runSynchronously(on: asUnownedTaskExecutor())
    } else {
      try wakeNextSleeper()
    }
  }

  private func wakeNextSleeper() throws(Stuck) {
    let sleeper = state.withLock { state -> Sleeper? in
      let next = state.sleepers.min { ($0.value.end, $0.key) < ($1.value.end, $1.key) }
      guard let next else { return nil }
      if next.value.end.nanoseconds > state.nanoseconds {
        state.nanoseconds = next.value.end.nanoseconds
        state.stepsWithoutTime = 0
      }
      return state.sleepers.removeValue(forKey: next.key)
    }
    guard let sleeper else { throw .everybodyWaits }
    sleeper.continuation.resume(returning: false)
  }
}

/// The clock of a machine that has other things to do: it wakes a little late, and at times very.
final class LateClock: WorkerClock {
  private let time: VirtualTime
  private let random: Mutex<SeededRandom>

  init(_ time: VirtualTime, seed: UInt64) {
    self.time = time
    random = Mutex(SeededRandom(seed: seed))
  }

  var now: Instant { time.now }

  func sleep(until instant: Instant) async throws(CancellationError) {
    let lateness = random.withLock { random in
      let isBusy = Int.random(in: 0..<150, using: &random) == 0
      return Int.random(in: isBusy ? 6000...80_000 : 0...1500, using: &random)
    }
    try await time.sleep(until: instant + .microseconds(lateness))
  }
}
