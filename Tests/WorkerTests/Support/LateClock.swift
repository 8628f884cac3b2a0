import MemoryStore
import Provisioning
import Synchronization

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
