import Sandbox
import Testing

/// A 429 proves that nothing was made; when to come back is said in many ways.
@Suite("Every form of Retry-After behind a 429", .timeLimit(Patience.limit))
struct RetryAfterTests {
  /// What the API says, and how long nothing may arrive then. A date has no fractions of a second.
  private static let readable: [(said: RetryAfter, nanoseconds: UInt64)] = [
    (RetryAfter(.seconds, seconds: 2), 1_900_000_000),
    (RetryAfter(.imfFixdate, seconds: 2), 900_000_000),
    (RetryAfter(.rfc850, seconds: 2), 900_000_000),
    (RetryAfter(.asctime, seconds: 2), 900_000_000),
    // Nothing that can be read: codemint chooses, up to a second.
    (RetryAfter(.negative, seconds: 3600), 0),
    (RetryAfter(.garbage), 0),
  ]

  @Test("what can be read is waited for, what cannot be read is ignored; no job fails")
  func forms() async throws {
    try await Stage.play { stage in
      _ = try stage.daemon(["CODEMINT_POLL_SECONDS": "0.2"])
      for (number, row) in Self.readable.enumerated() {
        let reward = Reward.numbered(number)
        try await stage.put([FaultRule(.generate, .status(429, retryAfter: row.said), times: 1)])
        try await stage.database.insert(Job(reward, 30))
        try await stage.database.allEnded()
        let requests = stage.requests(of: reward)
        try #require(requests.map(\.status) == [429, 201], "\(row.said)")
        #expect(requests[1].arrivedAt - requests[0].arrivedAt >= row.nanoseconds, "\(row.said)")
      }
      #expect(try await stage.database.unsound() == [])
      let calls = try await stage.database.texts(
        "SELECT DISTINCT concat_ws(' ', state, http_status) FROM codemint.calls ORDER BY 1"
      )
      #expect(calls == ["issued 201", "rejected 429"])
    }
  }

  @Test("a number beyond all sense is an hour, and an operator sees until when")
  func huge() async throws {
    try await Stage.play { stage in
      let refusal = Fault.status(429, retryAfter: RetryAfter(.huge))
      try await stage.put([FaultRule(.generate, refusal, times: 1)])
      _ = try stage.daemon(["CODEMINT_POLL_SECONDS": "0.2"])
      try await stage.database.insert(Job(Reward.first, 30))
      try await stage.database.until("EXISTS (SELECT FROM codemint.calls WHERE state = 'rejected')")
      let status = try await stage.database.texts(
        """
        SELECT concat_ws(' ', state, reason, paused_until
                 BETWEEN clock_timestamp() + interval '50 minutes'
                 AND clock_timestamp() + interval '1 hour')
        FROM codemint.account_status
        """
      )
      #expect(status == ["paused throttled t"])
      // The test's clock is moved to the end of the hour.
      try await stage.database.run("UPDATE codemint.account SET paused_until = clock_timestamp()")
      try await stage.database.allEnded()
      #expect(stage.requests(of: Reward.first).map(\.status) == [429, 201])
      #expect(try await stage.database.unsound() == [])
    }
  }
}
