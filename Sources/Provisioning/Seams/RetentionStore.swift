/// The ledger's part in forgetting requests that nobody needs any more.
public protocol RetentionStore: Sendable {
  /// Deletes a batch of old calls, in one transaction: such as were settled longer ago than `age`,
  /// of jobs that ended longer ago than that.
  ///
  /// Only what was proven goes: issued, rejected, unsent. What was judged (adopted, absent), what a
  /// person decided, and whatever a code, an answer or a watch still refers to stays for ever.
  ///
  /// - Parameter limit: How many calls to delete, and how many jobs to look at, at most.
  func pruneCalls(olderThan age: Duration, atMost limit: Int) async throws(StoreError)
    -> PrunedCalls
}

/// What pruning a batch of calls came to.
public struct PrunedCalls: Hashable, Sendable {
  /// How many calls were deleted.
  public let number: Int
  /// Whether there is nothing more to delete for now.
  public let isLast: Bool

  /// A batch with these parts.
  public init(number: Int, isLast: Bool) {
    self.number = number
    self.isLast = isLast
  }
}
