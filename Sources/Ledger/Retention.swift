import Postgres
public import Provisioning

/// The daemon forgets requests that nobody needs any more.
extension PostgresStore {
  /// One batch, in one transaction.
  private static let pruneCalls: Statement = """
    SELECT pruned, is_last FROM codemint.prune_calls($1, $2, $3)
    """

  /// See `RetentionStore.pruneCalls`.
  public func pruneCalls(olderThan age: Duration, atMost limit: Int)
    async throws(StoreError) -> PrunedCalls
  {
    try await translated { () throws(PostgresError) in
      let row = try await run(
        Self.pruneCalls,
        [.interval(age), .int4(Int32(limit)), code]
      ).one()
      return PrunedCalls(number: try row.integer("pruned"), isLast: try row.bool("is_last"))
    }
  }
}
