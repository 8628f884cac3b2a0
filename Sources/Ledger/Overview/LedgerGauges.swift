/// How the ledger stands, in numbers that go up and down.
public struct LedgerGauges: Hashable, Sendable {
  /// Jobs of which nothing has been asked yet.
  public let queued: Int
  /// Jobs that calls are made for.
  public let running: Int
  /// Jobs that failed or were cancelled and wait for calls that are out.
  public let ending: Int
  /// Jobs that wait for a person.
  public let held: Int
  /// Jobs that an operator paused.
  public let paused: Int
  /// Codes that running jobs still want, those asked for included.
  public let codesWanted: Int
  /// Calls whose outcome is not known and is being found out.
  public let doubts: Int
  /// Calls whose outcome a person has to decide.
  public let heldCalls: Int
  /// Seconds since the oldest that is being found out fell in doubt; zero if there is none. What is
  /// held may wait for long.
  public let oldestDoubtSeconds: Double
  /// Rewards that take no new call because of a doubt.
  public let closedRewards: Int
  /// Codes upstream whose owner is not proven.
  public let strays: Int
  /// Rewards of which codes are not settled and are not looked at, or asked for, any more.
  public let syncGivenUp: Int
  /// open, trying, paused, failing, blocked or suspended.
  public let accountState: String
  /// The pace in force; nil before the first daemon has come.
  public let requestsPerSecond: Double?
  /// Calls of the whole fleet that wait for their answer.
  public let inFlight: Int
  /// Daemons that live.
  public let workers: Int
}
