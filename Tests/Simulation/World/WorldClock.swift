import Provisioning

/// The time of a world, as the clock of one machine in it shows it.
struct WorldClock: WorkerClock {
  let world: World
  /// Instants of two processes cannot be compared: each clock has a start of its own.
  var start: Int64 = 0

  var now: Instant { Instant(nanoseconds: world.now - start) }

  func sleep(until instant: Instant) async throws(CancellationError) {
    try await world.sleep(until: instant.nanoseconds + start)
  }
}
