import MemoryStore
import Provisioning

/// Never more than asked for: how many codes of a reward may be made for calls of ours.
extension Stage {
  /// Checks that a reward has not been asked for more than its jobs want.
  func checkOrdered(_ reward: RewardID) {
    let bounds = chaos.bounds
    guard bounds.isTimely, bounds.isSteady, bounds.isLeased, bounds.isListed else { return }
    guard !askedUnseen.contains(reward), !orphaned.contains(reward) else { return }
    var made: [JobID: Int] = [:]
    var number = 0
    for code in api?.codes[reward] ?? [] {
      guard let job = code.call.flatMap({ sent[$0]?.job }) else { continue }
      made[job, default: 0] += 1
      number += 1
    }
    let wanted = made.keys.union(store.ledger.jobs.values.filter { $0.reward == reward }.map(\.id))
      .reduce(0) { sum, id in
        sum + share(of: id, made: made[id] ?? 0)
      }
    if number > wanted + (excess[reward] ?? 0) {
      world.fail("\(number) codes of \(reward.short) were made and \(wanted) wanted: over-issue")
    }
  }

  /// How many codes may be made for a job. One that ended early wants what was made for it or counts for
  /// it, and no more than it had asked for; so does one that a restore has lost.
  private func share(of id: JobID, made: Int) -> Int {
    guard let job = store.ledger.jobs[id] else { return made }
    return switch job.state {
    case .queued, .running, .completed: job.count
    case .ending, .failed, .cancelled: min(max(made, job.issued), job.count)
    }
  }
}

extension Dictionary.Keys where Element: Hashable {
  fileprivate func union(_ others: some Sequence<Element>) -> Set<Element> {
    Set(self).union(others)
  }
}
