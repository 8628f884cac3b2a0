import Provisioning

extension MemoryLedger {
  /// Has rewards listed before anything more is asked of them: `codemint.suspect_rewards`.
  ///
  /// - Parameters:
  ///   - reason: `restore` for every known reward, `failover` for those with a call of the last day or a
  ///     job that is due.
  ///   - alive: The ledger's last sign of life.
  ///   - wait: How long a call that the ledger lost can still take effect.
  public mutating func suspect(
    _ reason: WatchRow.Reason,
    alive: Int64,
    wait: Duration,
    now: Int64
  ) {
    let isRestore = reason == .restore
    let recent = calls.values.filter { $0.createdAt >= now - Self.day }.map(\.call.reward)
    let waiting = jobs.values.filter { job in
      !job.state.isTerminal && (isRestore || job.isQueued || job.nextCallAt ?? .max <= now)
    }
    let awaited = Set(waiting.map(\.reward))
    let suspects = awaited.union(recent).union(isRestore ? Array(rewards.keys) : [])
    for id in suspects.sorted() {
      rewards[id] = rewards[id] ?? RewardRow()
      // A ledger that never lived has made nothing before its first job came.
      let begin = alive == .min ? jobs.values.map(\.createdAt).min() ?? .min : alive
      let since = begin == .min ? begin : begin - Self.otherClock
      watch(id, because: nil, reason: reason, since: since, now: now)
      let turn: Int64 = awaited.contains(id) ? 0 : 1_000_000
      watches[id]?.nextListingAt = now + wait.microseconds + turn
    }
    aliveBefore = alive
    apiClock.aheadAtLeast? -= Self.otherClock
    apiClock.aheadAtMost? += Self.otherClock
  }

  /// How far the clock of another server may have been ahead or behind, in microseconds.
  static let otherClock: Int64 = 120_000_000

  /// Gives staged codes, oldest first, to open jobs: `codemint.credit_jobs`.
  mutating func creditJobs(
    _ found: [IssuedCode],
    of reward: RewardID,
    worker: WorkerID,
    now: Int64
  ) -> Int {
    let open = jobs.values.filter { $0.reward == reward && $0.state.takesCalls }
      .sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
    let literals = Set(open.compactMap(\.prefix)).filter { prefix in
      let facts = prefixFacts(reward, prefix)
      return facts.isLiteral && !facts.isAltered
    }
    let groups = Dictionary(grouping: found) { code in
      literals.filter(code.hasPrefix).max { $0.utf8.count < $1.utf8.count }
    }
    var issued = 0
    for job in open {
      let own = job.prefix.flatMap { literals.contains($0) ? $0 : nil }
      let isLeft = { (code: IssuedCode) in staging[reward]?.codes[code.id] != nil }
      let codes = (groups[own] ?? []).filter(isLeft).map(\.id).prefix(jobs[job.id]?.room ?? 0)
      issued += credit(Array(codes), to: job, worker: worker, now: now)
    }
    return issued
  }

  /// Gives staged codes to a job as codes of adopted calls: `codemint.credit_job`.
  private mutating func credit(_ codes: [CodeID], to job: JobRow, worker: WorkerID, now: Int64)
    -> Int
  {
    var issued = 0
    for first in stride(from: 0, to: codes.count, by: Bounds.callSize.upperBound) {
      let own = Array(codes[first...].prefix(Bounds.callSize.upperBound))
      lastCredit += 1
      let call = Call(
        id: CallID(UniqueID(bits: UInt128(0xEEEE) << 112 | UInt128(lastCredit))),
        job: job.id,
        reward: job.reward,
        prefix: job.prefix,
        size: own.count
      )
      calls[call.id] = CallRow(
        call: call,
        state: .adopted,
        worker: worker,
        lengths: CallLengths(lease: .zero, apiTimeout: .zero, listingGap: .zero),
        leaseExpiresAt: nil,
        effectiveUntil: now,
        sendAt: nil,
        createdAt: now
      )
      calls[call.id]?.received = own.count
      calls[call.id]?.settledAt = now
      issued += credit(call, reserved: 0, room: own.count, own, now: now).issued
    }
    return issued
  }
}
