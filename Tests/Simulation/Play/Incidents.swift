import MemoryStore
import Provisioning

/// What befalls workers, database and API from outside, planned when a simulation begins.
struct Incidents {
  let stage: Stage
  let api: SimulatedAPI
  let crew: Crew

  private var world: World { stage.world }

  /// Plans them for the time of chaos.
  func plan(_ rewards: Int) {
    let chaos = stage.chaos
    for _ in 0..<chaos.incidents { planOne(.random(in: 1...rewards, using: &world.random)) }
    for _ in 0..<chaos.clockSteps { at { setClock() } }
    for _ in 0..<chaos.thefts { at { takeLease() } }
    for _ in 0..<chaos.operations { at { Operator(stage: stage).act() } }
    for _ in 0..<chaos.rivals {
      let reward = Samples.reward(Int.random(in: 1...rewards, using: &world.random))
      let number = Int.random(in: 1...6, using: &world.random)
      let prefix = stage.nature.prefixes.randomElement(using: &world.random) ?? nil
      at { api.make(number, for: nil, of: reward, prefix: prefix) }
    }
    for _ in 0..<chaos.streams { startStream(.random(in: 1...rewards, using: &world.random)) }
    for _ in 0..<chaos.failovers {
      at { stage.failOver(losing: .nanoseconds(world.draw(.zero...(.milliseconds(1900))))) }
    }
    if chaos.isRestored { planRestore() }
    for _ in 0..<chaos.locks { at { lockRow() } }
    for _ in 0..<chaos.wounds { at { setWrong() } }
    for _ in 0..<chaos.purges { at { Operator(stage: stage).purge() } }
  }

  /// Somebody else makes one code after the other, for up to three quarters of an hour.
  private func startStream(_ number: Int) {
    let reward = Samples.reward(number)
    let prefix = stage.nature.prefixes.randomElement(using: &world.random) ?? nil
    let gap = world.draw(.seconds(1)...(.seconds(9)))
    let end = world.now + world.draw(.seconds(60)...(.seconds(2700)))
    func goOn() {
      api.make(1, for: nil, of: reward, prefix: prefix)
      guard world.now < end else { return }
      world.at(world.now + gap) { goOn() }
    }
    at { goOn() }
  }

  /// The ledger is dumped, goes on, and is restored while no worker lives.
  private func planRestore() {
    let dumped = world.now + world.draw(.zero...(.seconds(80)))
    let restored = dumped + world.draw(.seconds(1)...(.seconds(60)))
    world.at(dumped) { [world, stage, crew] in
      world.note("the ledger is dumped")
      let dump = stage.store.ledger
      world.at(restored) {
        let number = crew.killAll()
        world.at(world.now + world.draw(.seconds(1)...(.seconds(40)))) {
          stage.restore(dump, dumpedAt: dumped)
          for _ in 0..<max(number, 1) { crew.hire(.usual) }
        }
      }
    }
  }

  /// Everything that lasts is over.
  func end() {
    stage.isDatabaseDown = false
    api.keyRefusedUntil = 0
    api.rewardRefusedUntil = [:]
    api.nulls = []
    stage.store.change { ledger, _ in ledger.locked = LockedRows() }
    crew.resumeAll()
    Operator(stage: stage).resumeAll()
  }

  private func at(_ action: @escaping () -> Void) {
    world.at(world.now + world.draw(.zero...(.seconds(195))), action)
  }

  private func planOne(_ number: Int) {
    let length = world.draw(.seconds(1)...(.seconds(70)))
    let reward = Samples.reward(number)
    let kind = Int.random(in: 0..<14, using: &world.random)
    at { [world, stage, api, crew] in
      let end = world.now + length
      switch kind {
      case 0..<3: crew.killOne(backAfter: .nanoseconds(length))
      case 3..<6: crew.stopOne(for: length)
      case 6:
        world.note("the key is refused")
        api.keyRefusedUntil = end
      case 7:
        world.note("reward \(reward) is refused")
        api.rewardRefusedUntil[reward] = end
      case 8:
        world.note("the list of reward \(reward) is refused")
        api.unlistableUntil[reward] = world.happens(0.5) ? end : end + 3_600_000_000_000
      case 9:
        world.note("no list can be had")
        api.listFailsUntil = world.happens(0.7) ? end : end + 1_500_000_000_000
      case 10: crew.cutOffOne(for: length)
      case 11: crew.setAheadOne(by: length / 4)
      case 12:
        world.note("the API cannot be reached")
        let length = world.happens(0.5) ? end : end + 2_400_000_000_000
        api.isDownUntil = max(api.isDownUntil, length)
      default:
        world.note("the database is down")
        stage.isDatabaseDown = true
        world.at(end) { stage.isDatabaseDown = false }
      }
    }
  }

  /// The clock of the database or of the API is set, either way.
  private func setClock() {
    let far = world.happens(0.3) ? Duration.seconds(3600) : .seconds(30)
    let time = world.draw(.zero - far...far)
    stage.tally.clockSteps += 1
    if world.happens(0.5) {
      world.note("the database's clock is set by \(time / 1_000_000) ms")
      stage.databaseClock.step(time)
    } else {
      world.note("the API's clock is set by \(time / 1_000_000) ms")
      stage.apiAhead += time
    }
  }

  /// Somebody keeps the row of an open job or of its reward locked.
  private func lockRow() {
    let length = world.draw(.seconds(1)...(.seconds(70)))
    let isReward = world.happens(0.4)
    let open = stage.store.ledger.jobs.values.filter { !$0.state.isTerminal }
    guard let job = open.sorted(by: { $0.id < $1.id }).randomElement(using: &world.random) else {
      return
    }
    world.note("somebody locks \(isReward ? "reward \(job.reward.short)" : "job \(job.id)")")
    stage.tally.locks += 1
    stage.store.change { ledger, _ in
      if isReward {
        ledger.locked.rewards.insert(job.reward)
      } else {
        ledger.locked.jobs.insert(job.id)
      }
    }
    world.at(world.now + length) { [stage] in
      stage.store.change { ledger, _ in
        if isReward {
          ledger.locked.rewards.remove(job.reward)
        } else {
          ledger.locked.jobs.remove(job.id)
        }
      }
    }
  }

  /// Somebody writes to a counter, or takes a job out of the queue.
  private func setWrong() {
    let number = [0, 1, 1000].randomElement(using: &world.random) ?? 0
    let ledger = stage.store.ledger
    let (jobs, rewards) = (ledger.jobs.keys.sorted(), ledger.rewards.keys.sorted())
    guard let job = jobs.randomElement(using: &world.random),
      let reward = rewards.randomElement(using: &world.random)
    else { return }
    let wounds: [MemoryLedger.Wound] = [
      .account(number), .reward(reward, number), .outstanding(job, number), .place(job),
    ]
    guard let wound = wounds.randomElement(using: &world.random) else { return }
    world.note("somebody writes to the tables: \(wound)")
    stage.tally.wounds += 1
    stage.store.change { ledger, _ in ledger.wound(wound) }
  }

  /// A lease runs out before its worker can know.
  private func takeLease() {
    stage.store.change { [stage] ledger, now in
      let sending = ledger.calls.values.filter { $0.state == .sending }.map(\.call.id).sorted()
      guard let call = sending.randomElement(using: &stage.world.random) else { return }
      stage.world.note("the lease of \(call.short) is taken away")
      stage.tally.thefts += 1
      ledger.expire(call, now: now)
    }
  }
}
