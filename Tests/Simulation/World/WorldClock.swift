import Provisioning

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
