// Simulation runs the whole daemon in one thread, on a clock that nothing but itself moves.
//
// The real `Worker` runs on hosts whose task executor hands every job to the `World` (World/). The
// world draws the next job to run by its seed, and moves the time to the next sleeper only when
// nothing is runnable, so one seed decides every interleaving and every fault. Faults/ holds the
// outside as it must be reckoned with: a store that loses acknowledgements, and an API with a truth
// of its own that hangs, lies and generates late. Laws/ is what has to hold after every commit and
// every request. Play/ is what happens: the jobs, the workers, and what befalls them. `Simulation`
// plays one seed through.

import MemoryStore
import Provisioning

/// One thread's worth of time, chance and runnable jobs.
///
/// Everything of a simulation runs on the thread that calls `run`, which is why it may be shared
/// without a lock.
final class World: @unchecked Sendable {
  /// The time, in nanoseconds.
  private(set) var now: Int64 = 1_000_000_000_000_000_000
  /// What decides everything.
  let seed: UInt64
  /// Where all chance comes from.
  var random: SeededRandom
  /// The first promise that was broken, if one was.
  private(set) var failure: String?
  /// Jobs that were run.
  private(set) var steps = 0
  let log: EventLog

  private var ready: [(host: Host, job: UnownedJob)] = []
  private var timers = TimerQueue()
  private var sleepers: [Int: UnsafeContinuation<Void, Never>] = [:]
  private var lastSleeper = 0

  init(seed: UInt64, eventsShown: Int) {
    self.seed = seed
    random = SeededRandom(seed: seed)
    log = EventLog(shown: eventsShown)
  }

  /// Runs jobs and passes time until the condition holds.
  /// - Returns: False if it did not come to hold in this time, or a promise was broken.
  func run(atMost time: Duration, until isReached: () -> Bool) -> Bool {
    let end = now + time.nanoseconds
    while failure == nil {
      if isReached() { return true }
      if steps > Self.mostSteps {
        fail("it does not come to rest: \(steps) jobs were run")
      } else if !ready.isEmpty {
        let chosen = ready.remove(at: Int.random(in: ready.indices, using: &random))
        steps += 1
        chosen.host.run(chosen.job)
      } else if let timer = timers.popFirst(notAfter: end) {
        now = max(now, timer.time)
        timer.action()
      } else {
        now = max(now, end)
        return false
      }
    }
    return false
  }

  /// Queues a job of a host that is running.
  func enqueue(_ job: UnownedJob, of host: Host) {
    ready.append((host, job))
  }

  /// Takes back the jobs of a host that was stopped or died, in their order.
  func withdraw(_ host: Host) -> [UnownedJob] {
    let withdrawn = ready.filter { $0.host === host }.map(\.job)
    ready.removeAll { $0.host === host }
    return withdrawn
  }

  /// Does something at a time.
  func at(_ time: Int64, _ action: @escaping () -> Void) {
    timers.push(time, action)
  }

  /// Suspends the task until this time.
  func sleep(until time: Int64) async throws(CancellationError) {
    guard time > now else { return }
    lastSleeper += 1
    let sleeper = lastSleeper
    await wait(until: time, as: sleeper)
    if Task.isCancelled { throw CancellationError() }
  }

  private func wait(until time: Int64, as sleeper: Int) async {
    await withTaskCancellationHandler {
      await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
        guard !Task.isCancelled else { return continuation.resume() }
        sleepers[sleeper] = continuation
        at(time) { [self] in sleepers.removeValue(forKey: sleeper)?.resume() }
      }
    } onCancel: {
      sleepers.removeValue(forKey: sleeper)?.resume()
    }
  }

  /// Draws whether something that happens so often happens now.
  func happens(_ probability: Double) -> Bool {
    Double.random(in: 0..<1, using: &random) < probability
  }

  /// Draws a duration, in nanoseconds.
  func draw(_ range: ClosedRange<Duration>) -> Int64 {
    Int64.random(in: range.lowerBound.nanoseconds...range.upperBound.nanoseconds, using: &random)
  }

  /// Notes what happened.
  func note(_ event: String) {
    log.note(event, at: now)
  }

  /// A promise is broken: the simulation ends here.
  func fail(_ sentence: String) {
    guard failure == nil else { return }
    failure = sentence
    note("BROKEN: \(sentence)")
  }

  private static let mostSteps = 3_000_000
}

/// What happened in a simulation: the last events, and a digest of all of them.
final class EventLog {
  private(set) var count = 0
  /// Two runs with the same digest had the same events at the same times.
  private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325
  /// What kind of world it is.
  private var first: [String] = []
  private var kept: [String] = []
  private let shown: Int

  /// A log that keeps the first two and the last so many events.
  init(shown: Int) {
    self.shown = shown
  }

  func note(_ event: String, at time: Int64) {
    count += 1
    let milliseconds = (time - 1_000_000_000_000_000_000) / 1_000_000
    let line = "\(milliseconds) ms  \(event)"
    if count <= 2 { first.append(line) }
    for byte in line.utf8 { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01B3 }
    kept.append(line)
    if kept.count > Self.most + shown { kept.removeFirst(Self.most) }
  }

  /// What kind of world it is, and the last events.
  var tail: [String] { count <= shown ? kept : first + kept.suffix(shown) }

  /// How many events are kept beyond those that are shown, before the older ones are dropped.
  private static let most = 100
}

/// Things to do at their times, those of one time in the order in which they were asked for.
private struct TimerQueue {
  struct Timer {
    let time: Int64
    let number: Int
    let action: () -> Void
  }

  private var heap: [Timer] = []
  private var lastNumber = 0

  mutating func push(_ time: Int64, _ action: @escaping () -> Void) {
    lastNumber += 1
    heap.append(Timer(time: time, number: lastNumber, action: action))
    var child = heap.count - 1
    while child > 0, isEarlier(child, (child - 1) / 2) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func popFirst(notAfter end: Int64) -> Timer? {
    guard let first = heap.first, first.time <= end else { return nil }
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      let children = [2 * parent + 1, 2 * parent + 2].filter { $0 < heap.count }
      guard let child = children.min(by: isEarlier), isEarlier(child, parent) else { break }
      heap.swapAt(child, parent)
      parent = child
    }
    return first
  }

  private func isEarlier(_ one: Int, _ other: Int) -> Bool {
    (heap[one].time, heap[one].number) < (heap[other].time, heap[other].number)
  }
}
