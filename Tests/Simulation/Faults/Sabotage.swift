/// What a ledger can be made to do wrong, so that a test shows that the laws notice.
public enum Sabotage: String, Sendable, CaseIterable {
  /// A claim is answered and not committed.
  case claimsAreForgotten
  /// The end of a call is acknowledged and not recorded.
  case endsAreForgotten
  /// A call whose lease ran out is taken for one that never happened, and its codes are asked for
  /// again: what a queue does that delivers at least once.
  case expiredIsRetried
}
