/// The API as the worker sees it.
public protocol CodeIssuer: SyncingIssuer {
  /// Asks for the codes of one call, in one request that is never repeated below this level.
  ///
  /// Never throws: however it ends, the report says what that proves.
  ///
  /// - Parameter mayStillSend: Asked once, last of all, when the request's body is produced; no
  ///   suspension lies between its answer and the hand-over. False means that not one byte of
  ///   the body may leave (protocol, rule 3).
  func generate(_ call: Call, mayStillSend: @escaping @Sendable () -> Bool) async -> CallReport

  /// Lists a reward's codes, newest first if the API honours the order. Changes nothing.
  func list(_ reward: RewardID, offset: Int, limit: Int) async
    -> Paced<Result<ListedPage, ListingFailure>>

  /// Checks the API key with the harmless `GET /v1/team`.
  func checkTeam() async -> Paced<TeamAnswer>
}

/// The API's part in tracking how far codes have been copied to other systems.
public protocol SyncingIssuer: Sendable {
  /// Lists a reward's codes, the newest change first if the API honours the order. Changes nothing.
  func listChanges(_ reward: RewardID, offset: Int, limit: Int) async
    -> Paced<Result<ListedPage, ListingFailure>>

  /// Asks the API to copy a reward to a system once more. Makes no codes; asked twice, it may do
  /// the same work twice and nothing else.
  func resync(_ reward: RewardID, system: SyncSystem) async -> Paced<ResyncAnswer>
}

/// What a request that makes no codes gave, and what its answer says of the pace.
public struct Paced<Value: Sendable>: Sendable {
  /// What the request gave.
  public let value: Value
  /// What the whole fleet is asked for; nil if nothing.
  public let feedback: PaceFeedback?

  /// A value, by default without any word on the pace.
  public init(_ value: Value, feedback: PaceFeedback? = nil) {
    self.value = value
    self.feedback = feedback
  }
}

/// What `GET /v1/team`, the harmless check of the API key, showed.
public enum TeamAnswer: Hashable, Sendable {
  /// The key is accepted.
  case accepted
  /// The key is refused: 401 or 403.
  case refused(code: String, message: String)
  /// The API could not be asked; says nothing about the key. The text is for people.
  case unreachable(String)
}

/// What became of asking to copy a reward once more.
public enum ResyncAnswer: Hashable, Sendable {
  /// The API will.
  case accepted
  /// The API refused, or nobody knows: in its own words where it had any.
  case failed(String)
}

/// A system that the API copies codes to and can be asked to copy them to again.
public enum SyncSystem: String, Hashable, Sendable, CaseIterable {
  /// Shopify discounts.
  case shopify
  /// Stripe promotion codes.
  case stripe
}
