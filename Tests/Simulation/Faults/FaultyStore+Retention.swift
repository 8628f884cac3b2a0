import MemoryStore
import Provisioning

extension FaultyStore {
  func pruneCalls(olderThan age: Duration, atMost limit: Int)
    async throws(StoreError) -> PrunedCalls
  {
    try await request("prune") { () throws(StoreError) in
      try await base.pruneCalls(olderThan: age, atMost: limit)
    }
  }
}
