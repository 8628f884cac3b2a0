import MemoryStore
import Provisioning

/// A person who cancels jobs, pauses them, lets them go on, opens them again, changes their order.
struct Operator {
  let stage: Stage

  private var world: World { stage.world }

  /// Does one thing to one job.
  func act() {
    let number = Int64.random(in: 1...Int64(stage.store.ledger.jobs.count), using: &world.random)
    let kind = Int.random(in: 0..<5, using: &world.random)
    let priority = Int.random(in: 0...9, using: &world.random)
    let job = JobID(number)
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

  /// Lets every job go on that was paused, or that waits though no call of it is held.
  func resumeAll() {
    for id in stage.store.ledger.jobs.keys.sorted() {
      stage.store.change { ledger, now in
        _ = ledger.resume(id, now: now)
        if ledger.jobs[id]?.held ?? false { retry(id, &ledger, now) }
      }
    }
    stage.checkCommit()
  }

  /// Who opens a job again whose reward could not be listed decides to ask for more unseen.
  private func retry(_ id: JobID, _ ledger: inout MemoryLedger, _ now: Int64) {
    if let job = ledger.jobs[id], job.errorCode == HoldReason.unlistable.rawValue {
      stage.amiss.insert(job.reward)
    }
    _ = ledger.retry(id, now: now)
  }
}
