import Provisioning

/// When the dispatcher tends the ledger and when it asks for a call: a value, without any waiting.
struct DispatchSchedule {
  private var nextTend: Instant
  /// Tending again before this is of no use: what is due and was left, somebody else has locked.
  private var tendNotBefore: Instant
  private var nextClaim: Instant
  /// Who has looked in vain does not look again before this, however often it is woken: a hail of
  /// small INSERTs must not become as many claims that find the next slot taken.
  private var claimNotBefore: Instant
  /// Nothing is asked before this, because the database did not answer.
  private var notBefore: Instant
  /// A claim that was asked for and not answered.
  var pending: PendingClaim?
  /// Why nothing may be sent, as far as it was said.
  var blockCode: String?
  /// Whether it was said that the API is in an outage.
  var isAPIFailing = false
  /// Calls that the fleet may have in flight, so that no more lanes are of use.
  private(set) var maxInFlight: Int

  /// Tends and claims at once.
  init(now: Instant, maxInFlight: Int) {
    self.maxInFlight = maxInFlight
    nextTend = now
    tendNotBefore = now
    nextClaim = now
    claimNotBefore = now
    notBefore = now
  }

  /// The next moment at which something is due.
  var next: Instant {
    max(notBefore, min(max(nextTend, tendNotBefore), max(nextClaim, claimNotBefore)))
  }

  func isTendDue(at now: Instant) -> Bool {
    now >= nextTend && now >= tendNotBefore && now >= notBefore
  }

  func isClaimDue(at now: Instant) -> Bool {
    now >= nextClaim && now >= claimNotBefore && now >= notBefore
  }

  /// Takes in what ended lanes have learnt, and a wake. A lane that ended because nothing could be
  /// claimed is no reason to ask again; a wake is.
  mutating func take(hints: [Claim], woken: Bool, now: Instant) {
    for hint in hints { heed(hint, now: now) }
    if woken { nextClaim = min(nextClaim, now) }
  }

  mutating func tended(_ tending: Tending, every interval: Duration, now: Instant) {
    maxInFlight = tending.maxInFlight
    nextTend = now + interval
    tendNotBefore = now + .milliseconds(100)
    if let due = tending.next { nextTend = min(nextTend, now + due) }
    nextClaim = min(nextClaim, now)
  }

  /// Something has changed that tending tells of.
  mutating func accountChanged(now: Instant) {
    nextTend = min(nextTend, now)
  }

  /// A claim found nothing.
  mutating func found(_ claim: Claim, poll: Duration, now: Instant) {
    nextClaim = now + poll
    if case .nothing(let wait, _) = claim, wait != .zero {
      claimNotBefore = now + .milliseconds(5)
    }
    heed(claim, now: now)
  }

  /// Every lane is taken: the lanes claim for themselves.
  mutating func lanesFull(poll: Duration, now: Instant) {
    nextClaim = now + poll
  }

  mutating func databaseFailed(pause: Duration, now: Instant) {
    notBefore = now + pause
  }

  private mutating func heed(_ claim: Claim, now: Instant) {
    guard case .nothing(let wait, let due) = claim else { return }
    if let wait { nextClaim = min(nextClaim, now + wait) }
    if let due { nextTend = min(nextTend, now + due) }
  }
}
