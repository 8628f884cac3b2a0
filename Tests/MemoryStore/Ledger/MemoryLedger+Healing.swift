public import Provisioning

/// Rows that somebody else keeps locked.
public struct LockedRows: Hashable, Sendable {
  /// Their rewards.
  public var rewards: Set<RewardID> = []
  /// Their jobs.
  public var jobs: Set<JobID> = []

  /// None.
  public init() {}

  /// Whether nothing is locked.
  public var isEmpty: Bool { rewards.isEmpty && jobs.isEmpty }
}

extension MemoryLedger {
  /// What somebody writes to the tables that was derived from others.
  public enum Wound: Sendable {
    /// Calls in flight of the account.
    case account(Int)
    /// Calls in flight of a reward.
    case reward(RewardID, Int)
    /// More codes are out for a job than for its calls, as far as its count allows.
    case outstanding(JobID, Int)
    /// A job loses its place in the queue.
    case place(JobID)
  }

  /// Sets a counter wrong.
  public mutating func wound(_ wound: Wound) {
    isMeddled = true
    switch wound {
    case .account(let number): account.inFlight = number
    case .reward(let id, let number): rewards[id]?.inFlight = number
    case .outstanding(let id, let number):
      guard let job = jobs[id], job.state.takesCalls else { return }
      jobs[id]?.outstanding += min(number, job.room)
    case .place(let id):
      guard jobs[id]?.state.takesCalls ?? false else { return }
      jobs[id]?.leaveQueue()
      jobs[id]?.nextCallAt = nil
    }
  }

  /// Compares what is derived with what it derives from, at most once in ten seconds, and mends it:
  /// `codemint.heal`. What is locked is left for the next time.
  /// - Returns: A sentence for each thing that was mended.
  mutating func heal(now: Int64) -> [String] {
    if let comparedAt, (comparedAt...comparedAt + 10_000_000).contains(now) { return [] }
    comparedAt = now
    let mended = healJobs(now: now) + healInFlight()
    isMeddled = isMeddled && !locked.isEmpty
    touched = .all
    if !mended.isEmpty { signals.append(.jobs) }
    return mended
  }

  /// What is out for open jobs, and their places: `codemint.heal_jobs`, `codemint.heal_places`.
  private mutating func healJobs(now: Int64) -> [String] {
    var mended: [String] = []
    for id in jobs.keys.sorted() {
      guard var job = jobs[id], !job.state.isTerminal, !locked.jobs.contains(id),
        !locked.rewards.contains(job.reward)
      else { continue }
      let out = calls.values.filter { $0.call.job == id }.reduce(0) { $0 + $1.outstanding }
      let isPlaced = job.isQueued || job.nextCallAt != nil
      let needsPlace =
        job.state.takesCalls && !job.paused && !job.held && job.issued + out < job.count
      guard job.outstanding != out || needsPlace && !isPlaced else { continue }
      mended.append("job \(id): \(out) codes are out, not \(job.outstanding), placed \(isPlaced)")
      job.outstanding = out
      conclude(&job, failure: nil, now: now)
      place(&job, pause: 0, now: now)
      jobs[id] = job
    }
    return mended
  }

  /// Calls in flight: `codemint.heal_in_flight`.
  private mutating func healInFlight() -> [String] {
    var mended: [String] = []
    let sending = calls.values.filter { $0.state == .sending }
    let numbers = Dictionary(grouping: sending, by: \.call.reward).mapValues(\.count)
    for id in rewards.keys.sorted() where !locked.rewards.contains(id) {
      guard rewards[id]?.inFlight != numbers[id] ?? 0 else { continue }
      mended.append("reward \(id): \(numbers[id] ?? 0) calls in flight")
      rewards[id]?.inFlight = numbers[id] ?? 0
    }
    if account.inFlight != sending.count {
      mended.append("account: \(sending.count) calls in flight, not \(account.inFlight)")
      account.inFlight = sending.count
    }
    return mended
  }
}
