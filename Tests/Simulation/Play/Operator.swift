import MemoryStore
import Provisioning

/// A person who cancels jobs, pauses them and lets them go on, by hand in the table.
struct Operator {
  let stage: Stage

  /// Does one thing to one job.
  func act() {
    let world = stage.world
    let number = Int64.random(in: 1...Int64(stage.store.ledger.jobs.count), using: &world.random)
    let kind = Int.random(in: 0..<4, using: &world.random)
    change(JobID(number)) { job, now in
      guard job.state.takesCalls else { return }
      switch kind {
      case 0:
        world.note("job \(job.id) is cancelled")
        job.cancel(now)
      case 1:
        world.note("job \(job.id) is paused")
        job.paused = true
        job.leaveLine()
      case 2: job.resume(now)
      default: job.priority = Int.random(in: 0...9, using: &world.random)
      }
    }
  }

  /// Lets every job go on that was paused.
  func resumeAll() {
    for id in stage.store.ledger.jobs.keys.sorted() {
      change(id) { job, now in job.resume(now) }
    }
  }

  private func change(_ id: JobID, _ body: (inout JobRow, Int64) -> Void) {
    stage.store.change { ledger, now in ledger.edit(id) { body(&$0, now) } }
  }
}

extension JobRow {
  fileprivate mutating func leaveLine() {
    turn = nil
    nextCallAt = nil
  }

  fileprivate mutating func resume(_ now: Int64) {
    guard paused else { return }
    paused = false
    guard state.takesCalls, !held, room > 0, turn == nil else { return }
    nextCallAt = nextCallAt ?? now
  }

  fileprivate mutating func cancel(_ now: Int64) {
    leaveLine()
    if outstanding > 0 {
      state = .ending
      endsAs = .cancelled
    } else {
      state = .cancelled
      finishedAt = now
    }
  }
}
