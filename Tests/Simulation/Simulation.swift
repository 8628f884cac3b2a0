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

  /// Plays a seed through, on this thread.
  public static func run(seed: UInt64) -> Report {
    let simulation = Simulation(seed: seed)
    simulation.play()
    let (world, stage) = (simulation.world, simulation.stage)
    return Report(
      seed: seed,
      failure: world.failure,
      events: world.log.tail,
      digest: world.log.digest,
      tally: stage.tally
    )
  }

  private init(seed: UInt64) {
    self.seed = seed
    world = World(seed: seed)
    stage = Stage(world)
    api = SimulatedAPI(stage)
    crew = Crew(stage, api)
  }

  private func play() {
    stage.store.change { ledger, _ in ledger.largestCall = 5 }
    insertJobs()
    for _ in 0..<Int.random(in: 1...3, using: &world.random) { crew.hire(.usual) }
    planIncidents()
    _ = world.run(atMost: .seconds(200)) { false }
    calm()
    guard run(hours: 3, inSteps: .seconds(20), until: { stage.unfinished.isEmpty }) else {
      return world.fail("not finished after hours of calm: \(stage.unfinished)")
    }
    crew.drainAll()
    crew.hire(.patient)
    guard run(hours: 48, inSteps: .seconds(3600), until: { !stage.isWatching }) else {
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

  private static let prefixes: [String?] = [nil, "A", "AB", "B"]

  private func insertJobs() {
    let rewards = Int.random(in: 1...3, using: &world.random)
    if world.happens(0.1) { api.missing.insert(Samples.reward(1)) }
    let isPrefixed = world.happens(0.6)
    for _ in 0..<Int.random(in: 1...6, using: &world.random) {
      let order = JobOrder(
        reward: Samples.reward(Int.random(in: 1...rewards, using: &world.random)),
        count: Int.random(in: 1...120, using: &world.random),
        prefix: isPrefixed ? Self.prefixes.randomElement(using: &world.random) ?? nil : nil,
        delay: world.happens(0.5) ? .zero : .nanoseconds(world.draw(.zero...(.seconds(120))))
      )
      stage.store.insert(order)
    }
    for _ in 0..<stage.chaos.strangers {
      let reward = Samples.reward(Int.random(in: 1...rewards, using: &world.random))
      let number = Int.random(in: 1...6, using: &world.random)
      let prefix = Self.prefixes.randomElement(using: &world.random) ?? nil
      world.at(world.now + world.draw(.zero...(.seconds(200)))) { [api] in
        api.make(number, for: nil, of: reward, prefix: prefix)
      }
    }
  }

  private func planIncidents() {
    for _ in 0..<stage.chaos.incidents {
      let length = world.draw(.seconds(1)...(.seconds(70)))
      let reward = Samples.reward(Int.random(in: 1...3, using: &world.random))
      let kind = Int.random(in: 0..<9, using: &world.random)
      world.at(world.now + world.draw(.zero...(.seconds(195)))) { [world, stage, api, crew] in
        switch kind {
        case 0..<3: crew.killOne(backAfter: length)
        case 3..<6: crew.stopOne(for: length)
        case 6:
          world.note("the key is refused")
          api.keyRefusedUntil = world.now + length
        case 7:
          world.note("reward \(reward) is refused")
          api.rewardRefusedUntil[reward] = world.now + length
        default:
          world.note("the database is down")
          stage.isDatabaseDown = true
          world.at(world.now + length) { stage.isDatabaseDown = false }
        }
      }
    }
  }

  private func calm() {
    world.note("all is calm")
    stage.chaos.calm()
    stage.isDatabaseDown = false
    api.keyRefusedUntil = 0
    api.rewardRefusedUntil = [:]
    crew.resumeAll()
  }
}
