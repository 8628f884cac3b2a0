import MemoryStore
import Provisioning

/// A person who cancels jobs, pauses and resumes them, opens them again, changes their order.
struct Operator {
  let stage: Stage

  private var world: World { stage.world }

  /// Does one thing to one job.
  func act() {
    let jobs = stage.store.ledger.jobs.keys.sorted()
    guard let job = jobs.randomElement(using: &world.random) else { return }
    let kind = Int.random(in: 0..<5, using: &world.random)
    let priority = Int.random(in: 0...9, using: &world.random)
    world.note("an operator does thing \(kind) to job \(job)")
    stage.store.change { ledger, now in
      switch kind {
      case 0: _ = ledger.cancel(job, note: "no longer wanted", now: now)
      case 1: _ = ledger.pause(job, now: now)
      case 2: _ = ledger.resume(job, now: now)
      case 3: retry(job, &ledger, now)
      default: _ = ledger.setPriority(job, priority)
      }
    }
    stage.checkCommit()
  }

  /// Removes a job that has ended, if it may be removed.
  func purge() {
    let ended = stage.store.ledger.jobs.values.filter(\.state.isTerminal).map(\.id).sorted()
    guard let job = ended.randomElement(using: &world.random),
      stage.store.change({ ledger, _ in ledger.purge(job) })
    else { return }
    world.note("an operator purges job \(job)")
    stage.tally.purges += 1
    stage.isAnythingPurged = true
    stage.checkCommit()
  }

  /// Resumes every job that was paused, or that waits though none of its calls is held.
  func resumeAll() {
    for id in stage.store.ledger.jobs.keys.sorted() {
      stage.store.change { ledger, now in
        _ = ledger.resume(id, now: now)
        if ledger.jobs[id]?.held ?? false { retry(id, &ledger, now) }
      }
    }
    stage.checkCommit()
  }

  /// Opening a job again whose reward could not be listed means to ask for more unseen.
  private func retry(_ id: JobID, _ ledger: inout MemoryLedger, _ now: Int64) {
    if let job = ledger.jobs[id],
      [HoldReason.unlistable.rawValue, "codes_unproven"].contains(job.errorCode)
    {
      stage.askedUnseen.insert(job.reward)
    }
    _ = ledger.retry(id, now: now)
  }
}

/// The jobs of one simulation.
struct Orders {
  let stage: Stage
  let api: SimulatedAPI

  private var world: World { stage.world }

  /// Inserts them.
  /// - Returns: Of how many rewards.
  func insert() -> Int {
    // Few codes a call, so that jobs of few codes have many calls.
    stage.store.change { ledger, _ in ledger.largestCall = 5 }
    let rewards = Int.random(in: 1...3, using: &world.random)
    for reward in (1...rewards).map(Samples.reward) {
      guard let number = stage.nature.oldCodes[reward] else { continue }
      let prefix = stage.nature.prefixes.randomElement(using: &world.random) ?? nil
      let ago = world.draw(.seconds(86_400 * 2)...(.seconds(86_400 * 100)))
      api.makeOld(number, of: reward, prefix: prefix, ago: .nanoseconds(ago))
      stage.oldOnly.insert(reward)
    }
    if world.happens(0.05) { api.missing.insert(Samples.reward(1)) }
    let isPrefixed = world.happens(0.6)
    for _ in 0..<Int.random(in: 1...6, using: &world.random) {
      let order = JobOrder(
        reward: Samples.reward(Int.random(in: 1...rewards, using: &world.random)),
        count: Int.random(in: 1...120, using: &world.random),
        prefix: isPrefixed ? stage.nature.prefixes.randomElement(using: &world.random) ?? nil : nil,
        priority: Int.random(in: 4...6, using: &world.random),
        delay: world.happens(0.5) ? .zero : .nanoseconds(world.draw(.zero...(.seconds(120))))
      )
      stage.store.insert(order)
    }
    return rewards
  }
}
