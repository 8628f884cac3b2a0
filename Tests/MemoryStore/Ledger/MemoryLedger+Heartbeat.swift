public import Provisioning

extension MemoryLedger {
  /// Does what falls due by the passing of time alone: `codemint.heartbeat`.
  public mutating func heartbeat(_ worker: WorkerPresence, now: Int64) -> Heartbeat {
    isClusterKnown = true
    announce(worker, now: now)
    placeDueJobs(now: now)
    let expired = expireLeases(now: now)
    let mended = heal(now: now)
    let block = accountBlock(now: now)
    return Heartbeat(
      expired: expired,
      steered: worker.draining ? [] : tellActions(),
      next: nextHeartbeat(now: now),
      block: block,
      hasWaitingJobs: jobs.values.contains { $0.isQueued },
      isReconcilingDue: isReconcilingDue(now: now),
      isAPIFailing: account.breaker != nil,
      maxInFlight: account.limits?.maxInFlight ?? Limits.standard.maxInFlight,
      mended: mended
    )
  }

  /// Extends the leases of this worker's calls that are still `sending`, and returns those.
  public mutating func renew(
    _ asked: [CallID],
    worker: WorkerID,
    lease: Duration,
    now: Int64
  ) -> Set<CallID> {
    var renewed: Set<CallID> = []
    for id in asked {
      guard var row = calls[id], row.worker == worker, row.state == .sending else { continue }
      row.lengths = CallLengths(
        lease: lease,
        apiTimeout: row.lengths.apiTimeout,
        listingGap: row.lengths.listingGap
      )
      row.leaseExpiresAt = now + lease.microseconds
      row.effectiveUntil = row.lengths.effectiveUntil(leased: now)
      calls[id] = row
      renewed.insert(id)
    }
    return renewed
  }

  /// Takes the worker off the list of those that live.
  public mutating func retire(_ worker: WorkerID) {
    workers[worker] = nil
    signals.append(.jobs)
  }

  private mutating func announce(_ worker: WorkerPresence, now: Int64) {
    workers = workers.filter { $0.value.expiresAt >= now - Self.day }
    workers[worker.id] = WorkerRow(
      limits: worker.limits,
      lengths: worker.lengths,
      isDraining: worker.draining,
      expiresAt: now + worker.lifetime.microseconds
    )
    applyLimits(now: now)
  }

  private mutating func expireLeases(now: Int64) -> [ExpiredCall] {
    let late = calls.values.filter { $0.state == .sending && $0.leaseExpiresAt ?? .max < now }
      .filter { !locked.rewards.contains($0.call.reward) }
      .sorted { ($0.call.reward, $0.call.id) < ($1.call.reward, $1.call.id) }
    for row in late {
      calls[row.call.id]?.state = .inDoubt
      calls[row.call.id]?.errorCode = "lease_expired"
      calls[row.call.id]?.errorMessage =
        "its worker did not renew the lease; it is not known what became of it"
      var reward = rewards[row.call.reward] ?? RewardRow()
      reward.inFlight = max(reward.inFlight - 1, 0)
      reward.closedAt = reward.closedAt ?? now
      reward.reconcileAt = nil
      rewards[row.call.reward] = reward
      account.inFlight = max(account.inFlight - 1, 0)
    }
    return late.map { ExpiredCall(call: $0.call.id, job: $0.call.job, reward: $0.call.reward) }
  }

  private func nextHeartbeat(now: Int64) -> Duration? {
    let lease = calls.values.filter { $0.state == .sending }.compactMap(\.leaseExpiresAt).min()
    let mayProbe = account.blockedAt != nil || account.breaker == .open
    let probe = mayProbe ? account.probeAt : nil
    let waiting = rewards.values.filter { $0.closedAt != nil || $0.awaitsListing }
    let reconciling = waiting.compactMap(\.reconcileAt).filter { $0 > now }.min()
    let times = [lease, probe, reconciling].compactMap { $0 }
      .map { Self.wait(from: now, to: $0) }
    return (times + [nextDue(now: now)].compactMap { $0 }).min()
  }
}
