import Foundation
import Logging
import MemoryStore
import Provisioning
import Worker

/// One seed played through: minutes of chaos, then calm until everything is decided, then two
/// days until the last watch is over.
public struct Simulation {
  /// What came of a seed.
  public struct Report: Sendable {
    /// The seed, which replays it.
    public let seed: UInt64
    /// The promise that was broken, if one was.
    public let failure: String?
    /// The last events.
    public let events: [String]
    /// The same for two runs with the same events at the same times.
    public let digest: UInt64
    /// What happened, in numbers.
    public let tally: Tally
  }

  private let seed: UInt64
  private let world: World
  private let stage: Stage
  private let api: SimulatedAPI
  private let crew: Crew

  /// Plays a seed through, on this thread, and reports the last so many events.
  static func run(seed: UInt64, eventsShown: Int, sabotage: Sabotage?) -> Report {
    let simulation = Simulation(seed: seed, eventsShown: eventsShown, sabotage)
    simulation.play()
    let (world, stage) = (simulation.world, simulation.stage)
    stage.tally.seeds = 1
    return Report(
      seed: seed,
      failure: world.failure,
      events: world.log.tail,
      digest: world.log.digest,
      tally: stage.tally
    )
  }

  private init(seed: UInt64, eventsShown: Int, _ sabotage: Sabotage?) {
    self.seed = seed
    world = World(seed: seed, eventsShown: eventsShown)
    stage = Stage(world, sabotage)
    api = SimulatedAPI(stage)
    crew = Crew(stage, api)
    stage.api = api
    stage.crew = crew
  }

  private func play() {
    let incidents = Incidents(stage: stage, api: api, crew: crew)
    let rewards = Orders(stage: stage, api: api).insert()
    stage.tally.documented = stage.nature.isAsDocumented ? 1 : 0
    for _ in 0..<Int.random(in: 1...3, using: &world.random) { crew.hire(.usual) }
    incidents.plan(rewards)
    _ = world.run(atMost: .seconds(200)) { false }
    world.note("all is calm")
    stage.chaos.calm()
    incidents.end()
    guard
      run(
        // Where a clock was set back, what is due waits until it has caught up.
        hours: stage.chaos.bounds.isSteady && stage.chaos.bounds.isListed ? 3 : 8,
        inSteps: .seconds(20),
        until: {
          stage.checkPace()
          return stage.unfinished.isEmpty
        }
      )
    else {
      return world.fail("not finished after hours of calm: \(stage.unfinished)")
    }
    crew.drainAll()
    crew.hire(.patient)
    guard run(hours: 300, inSteps: .seconds(3600), until: { !stage.isWatching }) else {
      return world.fail("a reward is watched for ever")
    }
    stage.checkEnd()
    crew.drainAll()
    guard run(hours: 2, inSteps: .seconds(60), until: { crew.isGone }) else {
      return world.fail("a worker does not drain")
    }
  }

  private func run(hours: Int, inSteps step: Duration, until isReached: () -> Bool) -> Bool {
    let end = world.now + Duration.seconds(hours * 3600).nanoseconds
    while world.failure == nil {
      if isReached() { return true }
      guard world.now < end else { return false }
      _ = world.run(atMost: step) { false }
    }
    // What broke is the failure, not that time ran out.
    return true
  }
}

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
