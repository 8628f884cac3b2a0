// Plays many seeds of the simulation on every core, for `scripts/simulate` and `scripts/mutate`.
//
//   simulate --seeds 10000 --from 1 --failures 1
//
// It stops after so many failures, and its exit status is 1 if there was one. What it says about a
// seed and at the end goes to standard output, how far it is to standard error.

import Foundation
import Simulation

/// The command.
@main
enum Simulate {
  static func main() async {
    guard let plan = Plan(CommandLine.arguments.dropFirst()) else {
      write("usage: simulate [--seeds N] [--from SEED] [--failures N]\n", to: .standardError)
      exit(64)
    }
    let score = Score(plan)
    await withTaskGroup(of: Void.self) { players in
      for _ in 0..<ProcessInfo.processInfo.activeProcessorCount {
        players.addTask {
          while let seed = await score.next() {
            await score.take(await SimulationRunner.run(seed: seed, eventsShown: plan.eventsShown))
          }
        }
      }
    }
    exit(await score.close() ? 0 : 1)
  }

  static func write(_ text: String, to file: FileHandle) {
    file.write(Data(text.utf8))
  }
}

/// What is played.
struct Plan {
  private(set) var seeds: UInt64 = 10_000
  private(set) var from: UInt64 = 1
  private(set) var failures = 1

  /// Of a seed that is played alone, all.
  var eventsShown: Int { seeds == 1 ? 1_000_000 : 100 }

  /// Nil if the arguments are not understood.
  init?(_ arguments: some Collection<String>) {
    var rest = arguments.makeIterator()
    while let name = rest.next() {
      guard let number = rest.next().flatMap({ UInt64($0) }) else { return nil }
      switch name {
      case "--seeds": seeds = number
      case "--from": from = number
      case "--failures": failures = Int(clamping: number)
      default: return nil
      }
    }
  }
}

/// Hands out seeds and keeps the score.
actor Score {
  private let plan: Plan
  private let start = ContinuousClock.now
  private var handedOut: UInt64 = 0
  private var tally = Tally()
  private var failed: [UInt64] = []

  init(_ plan: Plan) {
    self.plan = plan
  }

  func next() -> UInt64? {
    guard handedOut < plan.seeds, failed.count < plan.failures else { return nil }
    defer { handedOut += 1 }
    return plan.from + handedOut
  }

  func take(_ report: Simulation.Report) {
    tally = tally + report.tally
    if let failure = report.failure {
      failed.append(report.seed)
      let events = report.events.joined(separator: "\n")
      Simulate.write(
        "\(events)\nseed \(report.seed) broke: \(failure)\n"
          + "again: scripts/simulate --from \(report.seed) --seeds 1\n",
        to: .standardOutput
      )
    }
    if tally.seeds.isMultiple(of: 500) {
      Simulate.write("played \(tally.seeds) of \(plan.seeds)\n", to: .standardError)
    }
  }

  /// - Returns: Whether all went well.
  func close() -> Bool {
    let seconds = (ContinuousClock.now - start).components.seconds
    Simulate.write(
      "\(tally.summary), failed \(failed.count), seconds \(seconds)\n",
      to: .standardOutput
    )
    return failed.isEmpty
  }
}
