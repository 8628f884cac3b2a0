// The daemon under simulated chaos: see Tests/Simulation. `scripts/simulate` plays many more seeds,
// and one alone; `scripts/mutate` shows what these tests would notice.

import Simulation
import Testing

@Suite("simulation")
struct SimulationTests {
  @Test(
    "under every fault nothing is lost, nothing is issued twice, and all comes to rest",
    arguments: 0..<4
  )
  func chaos(part: UInt64) async {
    for seed in part * 75 + 1...part * 75 + 75 {
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
