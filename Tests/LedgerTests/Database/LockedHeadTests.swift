import MemoryStore
import Postgres
import Provisioning
import Testing

@Suite("a job at the head of the queue that somebody has locked")
struct LockedHeadTests {
  @Test(
    "of a locked reward a hundred new jobs and more keep no other reward waiting",
    arguments: [1, 3]
  )
  func manyNewJobs(_ inFlight: Int) async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      // A job of it was claimed, so that it has a row.
      _ = try await ledger.insert(500 * inFlight, of: Samples.reward(1))
      for _ in 1...inFlight { _ = try await ledger.claim() }
      try await ledger.bystander.script(
        "BEGIN; SELECT FROM codemint.rewards WHERE reward_id = '\(Samples.reward(1))' FOR UPDATE"
      )
      for _ in 1...110 { _ = try await ledger.insert(10, of: Samples.reward(1)) }
      for reward in 2...6 { _ = try await ledger.insert(10, of: Samples.reward(reward)) }
      var claimed: Set<RewardID> = []
      for _ in 1...7 {
        if case .call(let call) = try await ledger.claim() { claimed.insert(call.call.reward) }
      }
      #expect(claimed == Set((2...6).map(Samples.reward)))
      try await ledger.bystander.script("ROLLBACK")
    }
  }

  @Test("its reward has the place of its next job, and no turn more than other rewards")
  func lockedHead() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      func jobsClaimed(_ number: Int) async throws -> [Int64] {
        var jobs: [Int64] = []
        for _ in 1...number {
          guard case .call(let call) = try await ledger.claim() else { break }
          jobs.append(call.call.job.number)
        }
        return jobs
      }
      // New jobs, each of one call: those of two rewards in turn.
      for number in 1...5 { _ = try await ledger.insert(10, of: Samples.reward(2 - number % 2)) }
      try await ledger.bystander.script("BEGIN; SELECT FROM codemint.jobs WHERE id = 1 FOR UPDATE")
      #expect(try await jobsClaimed(4) == [2, 3, 4, 5])
      try await ledger.bystander.script("ROLLBACK")
      #expect(try await jobsClaimed(1) == [1])
      // Jobs of many calls, two of one reward and one of another.
      for reward in [3, 3, 4] { _ = try await ledger.insert(90_000, of: Samples.reward(reward)) }
      #expect(try await Set(jobsClaimed(6)) == [6, 7, 8])
      try await ledger.bystander.script("BEGIN; SELECT FROM codemint.jobs WHERE id = 6 FOR UPDATE")
      let claimed = try await jobsClaimed(6)
      #expect(claimed.count { $0 == 8 } == 3 && claimed.count { $0 == 7 } == 3, "\(claimed)")
      try await ledger.bystander.script("ROLLBACK")
    }
  }
}
