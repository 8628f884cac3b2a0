import Provisioning

/// When the dispatcher sends a heartbeat and when it asks for a call: a value, without any waiting.
struct DispatchSchedule {
  private var nextHeartbeat: Instant
  /// A heartbeat before this is useless: somebody else has locked what was due and was left.
  private var heartbeatNotBefore: Instant
  private var nextClaim: Instant
  /// After a claim in vain there is none before this, however often work is announced: a flood of
  /// small INSERTs must not become as many claims that find the next slot taken.
  private var claimNotBefore: Instant
  /// Nothing is asked before this, because the database did not answer.
  private var notBefore: Instant
  /// A claim that was asked for and not answered.
  var pending: PendingClaim?
  /// Why nothing may be sent, as it was last logged.
  var blockCode: String?
  /// Whether an outage of the API was logged, and not yet its end.
  var isAPIFailing = false
  /// Whether a standstill of the fleet was logged, and not yet its end.
  var isStalled = false
  /// Calls that the fleet may have in flight: more lanes would be of no use.
  private(set) var maxInFlight: Int

  /// Sends a heartbeat and claims at once.
  init(now: Instant, maxInFlight: Int) {
    self.maxInFlight = maxInFlight
    nextHeartbeat = now
    heartbeatNotBefore = now
    nextClaim = now
    claimNotBefore = now
    notBefore = now
  }

  /// The next moment at which something is due.
  var next: Instant {
    max(notBefore, min(max(nextHeartbeat, heartbeatNotBefore), max(nextClaim, claimNotBefore)))
  }

  func isHeartbeatDue(at now: Instant) -> Bool {
    now >= nextHeartbeat && now >= heartbeatNotBefore && now >= notBefore
  }

  func isClaimDue(at now: Instant) -> Bool {
    now >= nextClaim && now >= claimNotBefore && now >= notBefore
  }

  /// Takes in the last claims of lanes that ended, and whether work was announced. A lane that ended
  /// because nothing could be claimed is no reason to ask again; announced work is.
  mutating func take(_ lastClaims: [Claim], hasWork: Bool, now: Instant) {
    for claim in lastClaims { apply(claim, now: now) }
    if hasWork { nextClaim = min(nextClaim, now) }
  }

  /// A heartbeat found this. It looks for waiting jobs as often as `poll` asks for, so that an idle worker need not claim.
  mutating func note(_ found: Heartbeat, every interval: Duration, now: Instant) {
    maxInFlight = found.maxInFlight
    nextHeartbeat = now + interval
    heartbeatNotBefore = now + .milliseconds(100)
    if let due = found.next { nextHeartbeat = min(nextHeartbeat, now + due) }
    nextClaim = found.hasWaitingJobs || pending != nil ? min(nextClaim, now) : now + interval
  }

  /// Something has changed that a heartbeat tells of.
  mutating func requestHeartbeat(now: Instant) {
    nextHeartbeat = min(nextHeartbeat, now)
  }

  /// A claim found nothing.
  mutating func found(_ claim: Claim, poll: Duration, now: Instant) {
    nextClaim = now + poll
    if case .nothing(let wait, _) = claim, wait != .zero {
      claimNotBefore = now + .milliseconds(5)
    }
    apply(claim, now: now)
  }

  /// Every lane is taken: the lanes claim for themselves.
  mutating func lanesFull(poll: Duration, now: Instant) {
    nextClaim = now + poll
  }

  mutating func databaseFailed(pause: Duration, now: Instant) {
    notBefore = now + pause
  }

  private mutating func apply(_ claim: Claim, now: Instant) {
    guard case .nothing(let wait, let due) = claim else { return }
    if let wait { nextClaim = min(nextClaim, now + wait) }
    if let due { nextHeartbeat = min(nextHeartbeat, now + due) }
  }
}
