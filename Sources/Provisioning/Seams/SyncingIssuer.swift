/// The API's part in following codes.
public protocol SyncingIssuer: Sendable {
  /// Lists a reward's codes, the newest change first if the API honours the order. Changes nothing.
  func listChanges(_ reward: RewardID, offset: Int, limit: Int) async -> Result<
    ListedPage, ListingFailure
  >

  /// Asks the API to copy a reward to a system once more. Makes no codes; asked twice, it may do
  /// the same work twice and nothing else.
  func resync(_ reward: RewardID, system: SyncSystem) async -> ResyncAnswer
}

/// What became of asking to copy a reward once more.
public enum ResyncAnswer: Hashable, Sendable {
  /// The API will.
  case accepted
  /// It refused, or it is not known: in the API's own words where it had any.
  case failed(String)
}
