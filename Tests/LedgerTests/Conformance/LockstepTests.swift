import MemoryStore
import Provisioning
import Testing

@Suite("both stores, step by step")
struct LockstepTests {
  @Test(
    "random requests leave the same rows in memory and in the database",
    arguments: [1, 3, 4, 5, 6] as [UInt64]
  )
  func agree(seed: UInt64) async throws {
    try await MemoryUnderTest.lend { memory in
      try await PostgresUnderTest.lend { postgres in
        var run = Lockstep(memory: memory, postgres: postgres, seed: seed)
        for step in 1...500 {
          let name = try await run.step()
          let differences = try await run.differences(inCodes: step % 50 == 0)
          #expect(differences == [], "after step \(step), \(name)")
          guard differences.isEmpty else { return }
        }
        #expect(run.claims > 10 && run.settlements > 10)
      }
    }
  }
}
