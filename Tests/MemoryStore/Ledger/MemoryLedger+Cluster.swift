import Provisioning

extension MemoryLedger {
  /// The database has failed over to a standby, which may lack the last commits. No listing counts
  /// before a claim that was lost can no longer take effect: `codemint.check_cluster`.
  public mutating func failOver(now: Int64) {
    let living = workers.values.filter { $0.expiresAt >= now }.map(\.lengths)
    let longest = living.map { $0.lease + $0.effectiveFor }.max() ?? .zero
    suspect(.failover, alive: lastSignOfLife, wait: longest, now: now)
  }

  /// A person accepts a ledger that was restored: `codemint.accept_cluster`.
  public mutating func acceptRestored(now: Int64) {
    suspect(.restore, alive: lastSignOfLife, wait: .zero, now: now)
    signals.append(.jobs)
  }

  /// The latest moment at which a worker is known to have done something:
  /// `codemint.last_sign_of_life`.
  private var lastSignOfLife: Int64 {
    calls.values.flatMap { [$0.createdAt, $0.settledAt ?? .min] }.max() ?? .min
  }
}
