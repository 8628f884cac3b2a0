public import Provisioning

extension MemoryStore {
  /// See `RetentionStore.pruneCalls`.
  public func pruneCalls(olderThan age: Duration, atMost limit: Int)
    async throws(StoreError) -> PrunedCalls
  {
    try request { ledger, now throws(StoreError) in
      ledger.pruneCalls(olderThan: age, atMost: limit, now: now)
    }
  }
}
