/// The API as the worker sees it.
public protocol CodeIssuer: Sendable {
  /// Asks for the codes of one call, in one request that is never repeated below this level.
  ///
  /// Never throws: however it ends, the report says what that proves.
  ///
  /// - Parameter mayStillSend: Asked once, last of all, when the request's body is produced; no
  ///   suspension lies between its answer and the hand-over. False means that not one byte of
  ///   the body may leave (protocol, rule 3).
  func generate(_ call: Call, mayStillSend: @escaping @Sendable () -> Bool) async -> CallReport

  /// Lists a reward's codes, newest first if the API honours the order. Changes nothing.
  func list(_ reward: RewardID, offset: Int, limit: Int) async -> Result<
    ListedPage, ListingFailure
  >

  /// Checks the API key with the harmless `GET /v1/team`.
  func checkTeam() async -> TeamAnswer

  /// What answers have said of the pace since the last time of asking, beside the refusals that
  /// `generate` reports; nil if nothing.
  func takeFeedback() -> PaceFeedback?
}

extension CodeIssuer {
  /// For an API that says nothing of its pace.
  public func takeFeedback() -> PaceFeedback? { nil }
}
