import Foundation

/// Plays many seeds, each on a thread of its own and one after the other.
public enum SimulationRunner {
  /// Plays one seed on a thread that belongs to no other task.
  public static func run(seed: UInt64) async -> Simulation.Report {
    await withCheckedContinuation { continuation in
      let thread = Thread { continuation.resume(returning: Simulation.run(seed: seed)) }
      thread.stackSize = 8 << 20
      thread.start()
    }
  }
}
