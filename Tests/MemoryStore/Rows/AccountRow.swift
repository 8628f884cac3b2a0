public import Provisioning

/// The row of `codemint.accounts`. Times are microseconds on the ledger's clock.
public struct AccountRow: Hashable, Sendable {
  /// The limits in force; nil until a worker announces itself.
  public var limits: Limits?
  /// What an operator has set over the workers' settings.
  public var set = SetLimits()
  /// Calls that are sending.
  public var inFlight = 0
  /// The limiter's one number of state; nil for a past without beginning.
  public var nextSlot: Int64?
  /// The last slot that a page of a look took; nil for none.
  public var syncSlot: Int64?
  /// The pace that was lowered last; nil if none ever was.
  public var pace: Pace?
  /// Whether the last call was a newcomer's, so that the next one is the round's.
  public var newcomerLast = false
  /// Failures of the API in a row.
  public var failures = 0
  /// When a call was last answered as it should be.
  public var provenAt: Int64?
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

  /// The API's clock is at least so much ahead, in microseconds.
  public var offsetLow: Int64?
  /// The API's clock is at most so much ahead, in microseconds.
  public var offsetHigh: Int64?
  /// When that was last measured.
  public var offsetMeasuredAt: Int64?
  /// Until when the API's `createdAt` is not believed.
  public var offsetDistrustedUntil: Int64?

  /// Up to which ended job old calls have been forgotten; nil if none were.
  public var prunedUntil: PrunedMark?

  /// A job in the order in which jobs have ended.
  public struct PrunedMark: Hashable, Sendable {
    /// When it ended.
    public let finishedAt: Int64
    /// Which it is.
    public let job: JobID

    /// A mark with these parts.
    public init(finishedAt: Int64, job: JobID) {
      self.finishedAt = finishedAt
      self.job = job
    }
  }

  /// How a breaker that is not closed stands.
  public enum Breaker: String, Hashable, Sendable {
    /// No call before a probe is answered.
    case open
    /// It was; one call at a time goes out until one is clean.
    case trial
  }

  /// An account that nobody has used yet.
  public init() {}

  /// Requests a second now; nil until a worker announces itself.
  public func currentPace(now: Int64) -> Double? {
    guard let configured = limits?.requestsPerSecond else { return nil }
    return pace?.current(configured: configured, now: now) ?? configured
  }
}
