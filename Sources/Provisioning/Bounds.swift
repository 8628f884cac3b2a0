/// Every limit of codemint's own and of the API's contract, named in one place.
public enum Bounds {
  /// Codes one job may ask for.
  public static let jobCount = 1...1_000_000
  /// Codes one call may ask for: the API's `count`, minimum 1 and maximum 500.
  public static let callSize = 1...500
  /// Characters of a prefix: the API's `prefix`, minLength 1 and maxLength 32.
  public static let prefixLength = 1...32
  /// Job priorities; 0 goes first.
  public static let priority = 0...9
  /// The priority of a job that states none.
  public static let defaultPriority = 5
  /// Requests per second that may be set; fractions are allowed.
  public static let requestsPerSecond = 0.001...10_000.0
  /// Calls that may go at once after a quiet time.
  public static let burst = 1...1000
  /// Calls in flight, of the whole fleet or of one reward.
  public static let maxInFlight = 1...1000
  /// Seconds a worker may act on a claimed call without renewing its lease.
  public static let leaseSeconds = 5...3600
  /// Seconds between polls when nothing wakes a worker.
  public static let pollSeconds = 0.1...3600.0
  /// Seconds until an answer must be complete, head and body.
  public static let apiTimeoutSeconds = 1...600
  /// Seconds that two listings of a doubtful reward lie apart, and that a request may still take
  /// effect after its timeout.
  public static let settleSeconds = 1...3600
  /// How often the API is asked to copy a reward to a system once more.
  public static let syncRetries = 0...100
  /// Seconds from storing an unsettled code to the first look at its reward.
  public static let syncFirstSeconds = 0.1...3600.0
  /// Seconds between two looks at most.
  public static let syncLongestSeconds = 0.1...86_400.0
  /// Days that an unsettled code is followed.
  public static let syncDays = 0.001...365.0
  /// Days that the requests of a job are kept after it has ended; 0 for ever. Never less than the
  /// last day of requests, which a failover of the database asks for (protocol, rule 18).
  public static let retentionDays = 0...3650
  /// Bytes of one answer of the API that are read; a longer one is cut off and proves nothing.
  public static let answerBytes = 8 * 1024 * 1024
  /// Bytes that are kept of an answer of success that cannot be read; the rest is cut off.
  public static let unreadableAnswerBytes = 1024 * 1024
  /// Pages of one listing, those before a restart included, after which it is given up.
  public static let listingPages = 50_000
  /// How much a `createdAt` may be cut short: the API states no format, and one that counts whole
  /// seconds shows a code as older than the call that made it.
  public static let createdAtResolution: Duration = .seconds(2)
  /// Characters of an error message that are kept.
  public static let messageLength = 2000
  /// The longest pause that an answer of the API can ask for (`Retry-After`).
  public static let longestPause: Duration = .seconds(3600)
  /// Answers in a row without one new code after which a job fails instead of asking again.
  public static let answersWithoutProgress = 5
  /// Refusals (403) and failures (5xx) in a row that belong to one reward after which its jobs are
  /// held.
  public static let rewardRefusals = 8
  /// Failures of one reward in a row from which on they are its own, if the account had a clean answer
  /// since the first of them.
  public static let ownFailures = 3
  /// Failures of the API in a row after which no call is sent before a probe is answered.
  public static let breakerFailures = 3
  /// The pause after the first failure of a watched reward's listing; it doubles with every other.
  public static let watchRetry: Duration = .seconds(30)
  /// The longest such pause.
  public static let longestWatchRetry: Duration = .seconds(3600)
  /// The same pause while calls of the reward wait for the listing.
  public static let awaitedRetry: Duration = .seconds(2)
  /// The longest such pause.
  public static let longestAwaitedRetry: Duration = .seconds(60)
  /// How long a watched reward's list may fail without a break before the watch is given up.
  public static let watchPatience: Duration = .seconds(24 * 3600)
  /// How long a list may fail without a break before a person has to decide what waits for it.
  public static let listingPatience: Duration = .seconds(15 * 60)
}
