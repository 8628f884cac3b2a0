public import Provisioning

/// The row of `codemint.account`. Times are microseconds on the ledger's clock.
public struct AccountRow: Hashable, Sendable {
  /// The limits in force; nil until a worker announces itself.
  public var limits: Limits?
  /// What an operator has set over the workers' settings.
  public var set = SetLimits()
  /// Calls that are sending.
  public var inFlight = 0
  /// The limiter's one number of state; nil for a past without beginning.
  public var nextSlot: Int64?
  /// The last slot that a page of a sync pass took; nil for none.
  public var syncSlot: Int64?
  /// The pace that was lowered last; nil if none ever was.
  public var pace: Pace?
  /// Whether the last call was a new job's, so that the next is of a job with a place.
  public var newJobLast = false
  /// Failures of the API in a row.
  public var failures = 0
  /// When a call was last answered as it should be.
  public var provenAt: Int64?
  /// The reward of the newest clean answer.
  public var provenReward: RewardID?
  /// When the last of them, or of the 429s, was counted.
  public var failedAt: Int64?
  /// Whether a probe has to be answered before a call is sent.
  public var breaker: Breaker?
  /// Nobody sends before this time.
  public var pausedUntil: Int64?
  /// Why.
  public var pauseReason: PauseReason?
  /// Since when the API refuses the key.
  public var blockedAt: Int64?
  /// The API's error code.
  public var blockedCode: String?
  /// The API's message.
  public var blockedMessage: String?
  /// When it is to be asked again.
  public var probeAt: Int64?
  /// How many codes may be asked for in a day; nil for no limit.
  public var codesPerDay: Int?
  /// What an operator has set for that; the next heartbeat puts it in force.
  public var setCodesPerDay: Int?
  /// The day that `dayCodes` counts, from the epoch on.
  public var day: Int64?
  /// Codes asked for that day, without calls that were unsent or rejected.
  public var dayCodes = 0

  /// How a breaker that is not closed stands.
  public enum Breaker: String, Hashable, Sendable {
    /// No call before a probe is answered.
    case open
    /// It was; one call at a time goes out until one is clean.
    case trial
  }

  /// An account that nobody has used yet.
  public init() {}

  /// How many more codes may be asked for today: `codemint.codes_left`.
  public func codesLeft(now: Int64) -> Int? {
    codesPerDay.map { $0 - (day == now / Self.dayLength ? dayCodes : 0) }
  }

  /// Counts the codes of a call that was claimed at this time.
  mutating func count(_ codes: Int, claimedAt moment: Int64) {
    dayCodes = codes + (day == moment / Self.dayLength ? dayCodes : 0)
    day = moment / Self.dayLength
  }

  /// Gives back the codes of a call that made none, if they count today: `codemint.count_for_day`.
  mutating func giveBack(_ codes: Int, claimedAt moment: Int64) {
    if day == moment / Self.dayLength { dayCodes = max(dayCodes - codes, 0) }
  }

  private static let dayLength: Int64 = 86_400_000_000

  /// Requests a second now; nil until a worker announces itself.
  public func currentPace(now: Int64) -> Double? {
    guard let configured = limits?.requestsPerSecond else { return nil }
    return pace?.current(configured: configured, now: now) ?? configured
  }
}

/// Why an account pauses: `account.pause_reason`.
public enum PauseReason: String, Sendable, CaseIterable {
  /// The API asked for it with a 429.
  case throttled
  /// No connection to the API can be had.
  case unreachable
  /// The API answers with failures, or not at all.
  case failing
}

/// The row of `codemint.api_clock`. Times are microseconds on the ledger's clock.
public struct APIClockRow: Hashable, Sendable {
  /// The API's clock is at least so much ahead, in microseconds.
  public var aheadAtLeast: Int64?
  /// The API's clock is at most so much ahead, in microseconds.
  public var aheadAtMost: Int64?
  /// When that was last measured.
  public var measuredAt: Int64?
  /// Until when the API's `createdAt` is not believed.
  public var distrustedUntil: Int64?

  /// A clock that nothing is known of.
  public init() {}
}

/// What a row of `codemint.observed_facts` says.
public struct APIFact: Hashable, Sendable {
  /// What the fact is about.
  public let fact: String
  /// What it holds for; empty for the API.
  public let subject: String
  /// What has been seen.
  public let value: String

  /// A fact that has been seen.
  public init(_ fact: String, of subject: String = "", _ value: String) {
    self.fact = fact
    self.subject = subject
    self.value = value
  }
}

/// How often a fact has been seen, and when. Times are microseconds on the ledger's clock.
public struct APIFactRow: Hashable, Sendable {
  /// When it was first seen.
  public var firstSeenAt: Int64
  /// When it was last seen; written at most once an hour.
  public var lastSeenAt: Int64
  /// How many codes have shown it, when it was written.
  public var witnesses: Int

  /// A fact that is seen for the first time.
  public init(firstSeenAt: Int64, lastSeenAt: Int64, witnesses: Int) {
    self.firstSeenAt = firstSeenAt
    self.lastSeenAt = lastSeenAt
    self.witnesses = witnesses
  }
}

/// The row of `codemint.retention_progress`: a job in the order in which jobs have ended.
public struct PrunedMark: Hashable, Sendable {
  /// When it ended.
  public let finishedAt: Int64
  /// Which it is.
  public let job: JobID

  /// A job that ended at this time.
  public init(finishedAt: Int64, job: JobID) {
    self.finishedAt = finishedAt
    self.job = job
  }
}

/// What an operator has set with `set_limits`; nil where the workers' settings count.
public struct SetLimits: Hashable, Sendable {
  /// Requests per second.
  public var requestsPerSecond: Double?
  /// Requests that may go at once after a quiet time.
  public var burst: Int?
  /// Calls in flight at any moment.
  public var maxInFlight: Int?
  /// Calls in flight for any one reward.
  public var maxInFlightPerReward: Int?

  /// These limits.
  public init(
    requestsPerSecond: Double? = nil,
    burst: Int? = nil,
    maxInFlight: Int? = nil,
    maxInFlightPerReward: Int? = nil
  ) {
    self.requestsPerSecond = requestsPerSecond
    self.burst = burst
    self.maxInFlight = maxInFlight
    self.maxInFlightPerReward = maxInFlightPerReward
  }

  /// These limits over those of the workers; nil if neither says anything of one of them.
  public func over(_ limits: Limits?) -> Limits? {
    guard let requestsPerSecond = requestsPerSecond ?? limits?.requestsPerSecond,
      let burst = burst ?? limits?.burst,
      let maxInFlight = maxInFlight ?? limits?.maxInFlight,
      let maxInFlightPerReward = maxInFlightPerReward ?? limits?.maxInFlightPerReward
    else { return nil }
    return Limits(
      requestsPerSecond: requestsPerSecond,
      burst: burst,
      maxInFlight: maxInFlight,
      maxInFlightPerReward: maxInFlightPerReward
    )
  }
}

/// One row of `codemint.workers`.
public struct WorkerRow: Hashable, Sendable {
  /// The limits that the worker brings.
  public var limits: Limits
  /// The lengths that it works with.
  public var lengths: CallLengths
  /// Whether it is stopping.
  public var isDraining: Bool
  /// When it no longer counts as living, in microseconds on the ledger's clock.
  public var expiresAt: Int64

  /// A worker that has announced itself.
  public init(limits: Limits, lengths: CallLengths, isDraining: Bool, expiresAt: Int64) {
    self.limits = limits
    self.lengths = lengths
    self.isDraining = isDraining
    self.expiresAt = expiresAt
  }
}

extension Limits {
  /// The smaller of both in every respect: if daemons differ, the most careful one counts.
  public func lesser(_ other: Limits) -> Limits {
    Limits(
      requestsPerSecond: min(requestsPerSecond, other.requestsPerSecond),
      burst: min(burst, other.burst),
      maxInFlight: min(maxInFlight, other.maxInFlight),
      maxInFlightPerReward: min(maxInFlightPerReward, other.maxInFlightPerReward)
    )
  }
}
