import Sandbox
import Testing

@Suite("Jobs become codes", .timeLimit(Patience.limit))
struct FortyJobsTests {
  /// Forty jobs of 1 to 3,000 codes around every edge of a call's size; some share a reward.
  private static let jobs: [Job] = {
    let sizes = [
      1, 2, 499, 500, 501, 3, 7, 999, 1000, 1001, 10, 25, 40, 1500, 80, 100, 1, 3000, 250, 5,
    ]
    return (0..<40).map { number in
      Job(
        Reward.numbered(number % 25),
        number < sizes.count ? sizes[number] : 11 * (number - sizes.count + 1),
        prefix: number % 3 == 0 ? nil : "P\(number % 4)-"
      )
    }
  }()

  @Test(
    "forty jobs: the ledger and the API count the same codes, and every job has exactly its own"
  )
  func exactCounts() async throws {
    try await Stage.play { stage in
      _ = try stage.daemon()
      try await stage.database.insert(Self.jobs)
      try await stage.database.allEnded()

      let asked = Self.jobs.reduce(0) { $0 + $1.count }
      #expect(try await stage.count() == Stage.Count(stored: asked, distinct: asked, made: asked))
      #expect(try await stage.database.unsound() == [])
      let stored = try await stage.database.texts("SELECT id FROM codemint.codes")
      #expect(Set(stored) == Set(stage.sandbox.truth.everyCode.map(\.code.id)))
    }
  }

  @Test("a job for a reward that does not exist fails with the API's own code and message")
  func unknownReward() async throws {
    try await Stage.play { stage in
      _ = try stage.daemon()
      try await stage.database.insert(Job(Reward.unknown, 700), Job(Reward.first, 20))
      try await stage.database.allEnded()

      let jobs = try await stage.database.texts(
        "SELECT concat_ws('|', state, issued, error_code, error_message) FROM codemint.jobs ORDER BY id"
      )
      #expect(
        jobs == [
          "failed|0|reward_not_found|there is no reward with this id", "completed|20",
        ]
      )
      #expect(try await stage.count() == Stage.Count(stored: 20, distinct: 20, made: 20))
    }
  }
}
