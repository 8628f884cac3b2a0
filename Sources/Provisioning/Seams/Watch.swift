/// A watched reward that is due.
public struct WatchCase: Hashable, Sendable {
  /// The reward.
  public let reward: RewardID
  /// Codes of its newest clean answer.
  public let newestKnown: [CodeID]
  /// From when on codes matter, by the API's clock; nil if `createdAt` cannot be believed.
  public let since: Timestamp?
  /// The database's clock when the case was taken.
  public let now: Timestamp

  /// A case with these parts.
  public init(reward: RewardID, newestKnown: [CodeID], since: Timestamp?, now: Timestamp) {
    self.reward = reward
    self.newestKnown = newestKnown
    self.since = since
    self.now = now
  }
}

/// What a round of a watch found.
public struct WatchFinding: Hashable, Sendable {
  /// The reward.
  public let reward: RewardID
  /// When the listing had ended, by the database's clock.
  public let listedUntil: Timestamp
  /// Codes that the ledger did not know.
  public let codes: [IssuedCode]

  /// A finding with these parts.
  public init(reward: RewardID, listedUntil: Timestamp, codes: [IssuedCode]) {
    self.reward = reward
    self.listedUntil = listedUntil
    self.codes = codes
  }
}

/// What became of a finding.
public enum WatchAnswer: Hashable, Sendable {
  /// It is recorded: so many of its codes were new and had been kept back by the answer that the
  /// watch is about, so that they count for its job; and so many are surplus.
  case done(issued: Int, surplus: Int)
  /// Calls of the time of the listing are still without outcome: bring it again.
  case wait
  /// The reward has been lost to another worker.
  case lost
}
