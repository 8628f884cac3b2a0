import MemoryStore
import Provisioning

extension ShakyStore {
  func pruneCalls(olderThan age: Duration, atMost limit: Int)
    async throws(StoreError) -> PrunedCalls
  {
    try await ask(.prune) { () throws(StoreError) in
      try await memory.pruneCalls(olderThan: age, atMost: limit)
    }
  }
}
