// Provisioning holds the rules of codemint that run in the daemon, and nothing but rules: what a
// request's ending proves, what has to be recorded then, what doubtful calls did, how long to back
// off, and how far a listing may be believed.
//
// Everything here is a value or a pure function. Time, randomness and limits come in as parameters;
// there is no I/O, no clock and no Foundation. The outside world is reached through the protocols in
// Ports/: `Store`, `CodeIssuer` and `WorkerClock`.
//
// What is decided where the lock is, such as queue order, pace and the length of pauses, is SQL in
// `Ledger`; its reference model is `Tests/MemoryStore`.
//
// Identity (ids), Jobs, Calls (calls, outcomes, codes), Settling (from outcome to what is recorded),
// Reconciling (what doubtful calls did), Syncing (other systems), Pacing, Time, Ports.

/// Every limit of the rules and of the API's contract, named in one place. A range that only a setting
/// has stands at that setting (`Setting.kind`).
public enum Bounds {
  /// Codes one job may ask for.
  public static let jobCount = 1...1_000_000
  /// Codes one call may ask for: the API's `count`, minimum 1 and maximum 500.
  public static let callSize = 1...500
  /// Requests per second that may be set; fractions are allowed.
  public static let requestsPerSecond = 0.001...10_000.0
  /// Calls that may go at once after a quiet time.
  public static let burst = 1...1000
  /// Calls in flight, of the whole fleet or of one reward.
  public static let maxInFlight = 1...1000
  /// Seconds a worker may act on a claimed call without renewing its lease.
  public static let leaseSeconds = 5...3600
  /// Seconds until an answer must be complete, head and body.
  public static let apiTimeoutSeconds = 1...600
  /// Bytes of one answer of the API that are read; a longer answer is cut off and proves nothing.
  public static let answerBytes = 8 * 1024 * 1024
  /// Bytes that are kept of a successful answer that cannot be read; the rest is cut off.
  public static let unreadableAnswerBytes = 1024 * 1024
  /// Pages of one listing, those before a restart included, after which it is given up.
  public static let listingPages = 50_000
  /// Bytes of memory that all listings of a process may take together: enough for three million codes,
  /// each of which is remembered by its id, and with its time and prefix if the ledger does not know it.
  public static let listingBytes = 300_000_000
  /// Bytes that a listed code counts for in that memory.
  public static let listedCodeBytes = 100
  /// Bytes of texts that one listing stages in the database.
  public static let stagedBytes = 2_000_000_000
  /// Bytes of answers that are read at the same time. What comes beyond is cut off like an answer that is
  /// too long.
  public static let answersBytes = 256 * 1024 * 1024
  /// Listed codes that one transaction moves at most.
  public static let decisionPiece = 10_000
  /// Characters of an error message that are kept.
  public static let messageLength = 2000
  /// The longest pause that an answer of the API can ask for (`Retry-After`).
  public static let longestPause: Duration = .seconds(3600)
  /// The pause after the first failure of a watched reward's listing; each further failure doubles it.
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
