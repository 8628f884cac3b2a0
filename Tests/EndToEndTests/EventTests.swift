import Glibc
import Sandbox
import Testing

@Suite("What producers follow", .timeLimit(Patience.limit))
struct EventTests {
  @Test("a daemon that is killed loses no event, and those of a job stay in order")
  func killed() async throws {
    try await Stage.play { stage in
      let settings = [
        "CODEMINT_LEASE_SECONDS": "5", "CODEMINT_API_TIMEOUT_SECONDS": "5",
        "CODEMINT_RECONCILE_LISTING_GAP_SECONDS": "1",
      ]
      let first = try stage.daemon(settings)
      try await stage.database.insert((0..<30).map { Job(Reward.numbered($0 % 7), 1200) })
      try await stage.database.until(
        "(SELECT count(*) FROM codemint.jobs WHERE state = 'completed') > 3"
      )
      first.send(SIGKILL)
      #expect(try await first.end() == .signal(SIGKILL))
      _ = try stage.daemon(settings)
      try await stage.database.allEnded()
      try await Patience.until {
        try await stage.database.holds("NOT EXISTS (SELECT FROM codemint.unnumbered_events)")
      }
      let jobs = try await stage.database.texts(
        "SELECT string_agg(kind, ' ' ORDER BY id) FROM codemint.events GROUP BY job_id"
      )
      #expect(jobs.count == 30)
      for words in jobs {
        #expect(words.hasPrefix("queued running ") && words.contains("completed"))
        #expect(words.split(separator: " ").count { $0 == "completed" } == 1, "\(words)")
      }
    }
  }

  @Test("the time that is left was right: a job behind others is told how long it takes")
  func timeLeft() async throws {
    try await Stage.play { stage in
      // So slow that a busy machine keeps the pace.
      _ = try stage.daemon(["CODEMINT_LIMITS_REQUESTS_PER_SECOND": "3"])
      try await stage.database.insert((0..<60).map { Job(Reward.numbered($0 % 20), 20) })
      try await Patience.until {
        try await stage.database.holds(
          "(SELECT time_left > '8 s' FROM codemint.job_status WHERE id = 60) IS TRUE"
        )
      }
      try await stage.database.run(
        """
        CREATE TABLE public.told AS SELECT clock_timestamp() + time_left AS at
        FROM codemint.job_status WHERE id = 60
        """
      )
      try await stage.database.allEnded()
      let off = try await stage.database.number(
        """
        SELECT abs(extract(epoch FROM t.at - j.finished_at))
        FROM public.told t, codemint.jobs j WHERE j.id = 60
        """
      )
      #expect(off <= 10, "told wrong by \(off) s of about 20")
    }
  }
}
