import Postgres
public import Provisioning

extension PostgresStore {
  /// See `RetentionStore.pruneCalls`.
  public func pruneCalls(olderThan age: Duration, atMost limit: Int)
    async throws(StoreError) -> PrunedCalls
  {
    try await translated { () throws(PostgresError) in
      let row = try await run(
        RetentionStatements.pruneCalls,
        [.interval(age), .int4(Int32(limit))]
      ).one()
      return PrunedCalls(number: try row.integer("pruned"), isLast: try row.bool("is_last"))
    }
  }
}
