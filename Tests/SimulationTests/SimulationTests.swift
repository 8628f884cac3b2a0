// The daemon under simulated chaos: see Tests/Simulation.
//
//   CODEMINT_SIMULATION_SEED=n     plays this seed alone
//   CODEMINT_SIMULATION_SEEDS=n    how many seeds are played
//   CODEMINT_SIMULATION_FROM=n     the first of them

import Foundation
import Simulation
import Testing

@Suite("simulation")
struct SimulationTests {
  @Test("under every fault nothing is lost, nothing is issued twice, and all comes to rest")
  func chaos() async {
    let plan = Plan()
    var tally = Tally()
    for seed in plan.seeds {
      let report = await SimulationRunner.run(seed: seed)
      tally = tally + report.tally
      if let failure = report.failure {
        let events = report.events.joined(separator: "\n")
        Issue.record("CODEMINT_SIMULATION_SEED=\(seed): \(failure)\n\(events)")
        guard plan.goesOn else { return }
      }
      plan.tell(seed)
    }
    plan.close(tally)
  }

  @Test("one seed gives the same events at the same times, again and again")
  func replay() async {
    for seed in [1, 2, 3] as [UInt64] {
      let one = await SimulationRunner.run(seed: seed)
      let other = await SimulationRunner.run(seed: seed)
      #expect(one.digest == other.digest)
    }
  }
}

/// Which seeds are played, and who is told.
private struct Plan {
  let seeds: [UInt64]
  let goesOn: Bool
  private let isTold: Bool

  init() {
    let environment = ProcessInfo.processInfo.environment
    func number(_ name: String) -> UInt64? {
      environment["CODEMINT_SIMULATION_\(name)"].flatMap { UInt64($0) }
    }
    let first = number("FROM") ?? 1
    if let seed = number("SEED") {
      seeds = [seed]
    } else {
      seeds = Array(first..<first + (number("SEEDS") ?? 100))
    }
    isTold = number("SEEDS") != nil
    goesOn = environment["CODEMINT_SIMULATION_GOES_ON"] != nil
  }

  func tell(_ seed: UInt64) {
    guard isTold, seed % 500 == 0 else { return }
    FileHandle.standardError.write(Data("played seed \(seed)\n".utf8))
  }

  func close(_ tally: Tally) {
    guard isTold else { return }
    let line =
      "seeds \(seeds.count), calls \(tally.calls), doubts \(tally.doubts), adopted \(tally.adopted), "
      + "absent \(tally.absent), held \(tally.held), surplus \(tally.surplus), codes \(tally.codes)\n"
    FileHandle.standardError.write(Data(line.utf8))
  }
}
