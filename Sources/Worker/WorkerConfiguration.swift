public import Provisioning

/// Who a worker is and what it may use.
public struct WorkerConfiguration: Sendable {
  /// This start of this process.
  public var id: WorkerID
  /// The host's name, for operators.
  public var host: String
  /// The process id, for operators.
  public var process: Int
  /// The version of codemint, for operators.
  public var version: String
  /// The limits that this worker brings at first; the smallest of the fleet's count.
  public var limits: Limits
  /// How long it may act on a call without renewing its lease.
  public var lease: Duration
  /// How long it waits for a wake before it claims all the same.
  public var poll: Duration
  /// Until an answer of the API must be complete.
  public var apiTimeout: Duration
  /// The time between two listings of a doubtful reward, and how long after its timeout a request may
  /// still take effect.
  public var listingGap: Duration
  /// How codes are tracked that other systems have yet to take; nil if they are not.
  public var sync: SyncRules?
  /// How long the requests of a job are kept after it has ended; nil for ever.
  public var callRetention: Duration?
  /// The longest time between two signs of progress.
  public var progressInterval: Duration = .seconds(2)

  /// A configuration that neither tracks codes nor forgets old calls.
  public init(
    id: WorkerID,
    host: String,
    process: Int,
    version: String,
    limits: Limits,
    lease: Duration,
    poll: Duration,
    apiTimeout: Duration,
    listingGap: Duration
  ) {
    self.id = id
    self.host = host
    self.process = process
    self.version = version
    self.limits = limits
    self.lease = lease
    self.poll = poll
    self.apiTimeout = apiTimeout
    self.listingGap = listingGap
  }

  /// The lengths that this worker's calls carry.
  var lengths: CallLengths {
    CallLengths(lease: lease, apiTimeout: apiTimeout, listingGap: listingGap)
  }

  /// How long a reconciler's lease on a reward is: longer than a page takes to come.
  var reconcilerLease: Duration { max(lease, apiTimeout + .seconds(5)) }

  /// The longest time between two heartbeats: leases that ran out are to be noticed within a lease's
  /// length, and a worker has to show that it lives.
  var heartbeatInterval: Duration { min(poll, lease) }

  /// How the others see this worker. It counts as alive for long enough that a claim may wait for a lock
  /// until its deadline between two heartbeats.
  func presence(limits: Limits, draining: Bool) -> WorkerPresence {
    WorkerPresence(
      id: id,
      host: host,
      process: process,
      version: version,
      limits: limits,
      lengths: lengths,
      draining: draining,
      lifetime: max(heartbeatInterval * 3, .seconds(15))
    )
  }
}
