// The daemon under simulated chaos: see Tests/Simulation. `scripts/simulate` plays many more seeds,
// and one alone; `scripts/mutate` shows what these tests would notice.

import Foundation
import Simulation
import Testing

@Suite("simulation")
struct SimulationTests {
  /// How many worlds are played: fewer where everything is slow, as under a sanitizer.
  private static let seeds =
    ProcessInfo.processInfo.environment["CODEMINT_TEST_SEEDS"].flatMap { UInt64($0) } ?? 300

  @Test(
    "under every fault nothing is lost, nothing is issued twice, and all comes to rest",
    arguments: 0..<4
  )
  func chaos(part: UInt64) async {
    let share = Self.seeds / 4
    for seed in part * share + 1...part * share + share {
      let report = await SimulationRunner.run(seed: seed)
      guard let failure = report.failure else { continue }
      let events = report.events.joined(separator: "\n")
      Issue.record("\(events)\n\(failure)\nagain: scripts/simulate --from \(seed) --seeds 1")
      return
    }
  }

  @Test("one seed gives the same events at the same times, again and again")
  func replay() async {
    for seed in [1, 2, 3] as [UInt64] {
      let one = await SimulationRunner.run(seed: seed)
      let other = await SimulationRunner.run(seed: seed)
      #expect(one.digest == other.digest)
    }
  }

  @Test("a ledger that breaks its promise is noticed", arguments: Sabotage.allCases)
  func sabotaged(sabotage: Sabotage) async {
    for seed in 1...40 as ClosedRange<UInt64> {
      let report = await SimulationRunner.run(seed: seed, sabotage: sabotage)
      if report.failure != nil { return }
    }
    Issue.record("40 seeds were played and nothing was noticed")
  }
}
