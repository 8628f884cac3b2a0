import Foundation

/// Plays many seeds, each on a thread of its own and one after the other.
public enum SimulationRunner {
  /// Plays one seed on a thread that belongs to no other task.
  ///
  /// - Parameters:
  ///   - eventsShown: How many of the last events it reports.
  ///   - sabotage: What the ledger is made to do wrong, to see whether it is noticed.
  public static func run(
    seed: UInt64,
    eventsShown: Int = 100,
    sabotage: Sabotage? = nil
  ) async -> Simulation.Report {
    await withCheckedContinuation { continuation in
      let thread = Thread {
        continuation.resume(
          returning: Simulation.run(seed: seed, eventsShown: eventsShown, sabotage: sabotage)
        )
      }
      thread.stackSize = 8 << 20
      thread.start()
    }
  }
}
