import Backstage
import Foundation
import Sandbox
import Testing

@Suite("Guard rails for money", .timeLimit(Patience.limit))
struct GuardTests {
  @Test(
    "a test queue of 40 jobs and a real URL: nothing is claimed without a word, and all of it after one"
  )
  func testQueue() async throws {
    try await Stage.play { stage in
      try await stage.database.insert((0..<40).map { Job(Reward.numbered($0), 25) })
      // No stand-in speaks TLS: that nothing reaches it proves nothing, that nothing is claimed does.
      let api = stage.baseURL.replacing("http://", with: "https://")
      let settings = ["CODEMINT_API_BASE_URL": api]
      let daemon = try stage.daemon(settings)
      let said = try await daemon.errors.line("nothing is sent until this is resolved")
      #expect(said.contains("error_code=api_not_accepted"))
      #expect(said.contains("40 job(s) for 1000 codes of 40 reward(s) would be bought there"))
      try await Patience.until {
        try await stage.database.texts(
          """
          SELECT state FROM codemint.account_status
          UNION ALL SELECT DISTINCT reason FROM codemint.waits
          UNION ALL SELECT count(*)::text FROM codemint.calls
          """
        ) == ["unaccepted", "api", "0"]
      }

      let accepted = try stage.codemint(["accept-api", "--note", "this is meant"], settings)
      #expect(try await accepted.end() == .status(0))
      try await accepted.output.line("this was asked: \(api) has never answered")
      try await daemon.errors.line("this is resolved")
      try await stage.database.until("EXISTS (SELECT FROM codemint.calls)")
      let status = try stage.codemint(["status"], settings)
      try await status.output.line("API \(api)")
    }
  }

  @Test("a stand-in on this machine is used without a word; a real API after it is not")
  func standIn() async throws {
    try await Stage.play { stage in
      var daemon = try stage.daemon()
      try await stage.database.insert(Job(Reward.first, 700), Job(Reward.second, 800))
      try await stage.database.allEnded()
      #expect(try await stage.count() == Stage.Count(stored: 1500, distinct: 1500, made: 1500))
      daemon.send(SIGTERM)
      #expect(try await daemon.end() == .status(0))
      try await stage.database.insert(Job(Reward.first, 1))
      let api = stage.baseURL.replacing("http://", with: "https://")
      daemon = try stage.daemon(["CODEMINT_API_BASE_URL": api])
      try await daemon.errors.line("calls of this ledger go to \(stage.baseURL)")
      #expect(
        try await stage.database.number("SELECT count(*) FROM codemint.calls WHERE job_id = 3") == 0
      )
    }
  }

  @Test("an API is a stand-in if its answers say so, and the page, status and export show it")
  func saysSo() async throws {
    try await Stage.play { stage in
      let web = try Web()
      _ = try stage.daemon(["CODEMINT_HTTP_LISTEN": web.address])
      try await stage.database.insert(Job(Reward.first, 7))
      try await stage.database.allEnded()
      try await stage.database.until(
        "EXISTS (SELECT FROM codemint.stand_ins s WHERE s.api = '\(stage.baseURL)')"
      )
      for isSaid in [true, false] {
        // By its address alone it would be an API like any other from here on.
        try await stage.database.run(
          """
          CREATE OR REPLACE FUNCTION codemint.stays_here(p_api text) RETURNS boolean LANGUAGE sql IMMUTABLE
          AS 'SELECT false'
          """
        )
        if !isSaid { try await stage.database.run("DELETE FROM codemint.stand_ins") }
        let status = try stage.codemint(["status"])
        let export = try stage.codemint(["export", "1"])
        for text in [
          try await status.output.whole().joined(), try await export.errors.whole().joined(),
        ] { #expect(text.contains("SANDBOX") == isSaid, "\(text)") }
        try await Patience.until { try await web.get("/").body.contains(">SANDBOX<") == isSaid }
      }
    }
  }

  @Test(
    "three daemons, 50 jobs, 10,000 codes a day: exactly 10,000 are asked for, whoever is killed when"
  )
  func budget() async throws {
    let api = SandboxConfiguration(latency: SandboxLatency(fixed: .milliseconds(50)))
    try await Stage.play(api: api) { stage in
      try await stage.database.run("SELECT codemint.set_codes_per_day(10000, 'a trial')")
      let settings = [
        "CODEMINT_LEASE_SECONDS": "5", "CODEMINT_POLL_SECONDS": "1",
        "CODEMINT_API_TIMEOUT_SECONDS": "5",
        "CODEMINT_RECONCILE_LISTING_GAP_SECONDS": "2",
      ]
      var daemons = try (1...3).map { _ in try stage.daemon(settings) }
      try await stage.database.insert((0..<50).map { Job(Reward.numbered($0 % 20), 337 + 11 * $0) })
      for (kill, codes) in [1500, 4000, 6500].enumerated() {
        try await stage.codesMade(codes)
        daemons[kill].send(SIGKILL)
        #expect(try await daemons[kill].end() == .signal(SIGKILL))
        daemons[kill] = try stage.daemon(settings)
      }
      try await stage.database.until(
        """
        (SELECT day_codes FROM codemint.account) >= 10000
        AND NOT EXISTS (SELECT FROM codemint.calls WHERE state IN ('sending', 'in_doubt'))
        """
      )
      let asked = """
        SELECT sum(size) FROM codemint.calls WHERE state NOT IN ('unsent', 'rejected')
        """
      #expect(try await stage.database.texts(asked) == ["10000"])
      // What was claimed and never left counts as well: more than that was never asked for.
      #expect(stage.sandbox.truth.codes <= 10_000)
      #expect(
        try await stage.database.number("SELECT sum(issued) FROM codemint.jobs")
          == stage.sandbox.truth.codes
      )
      let waiting = try await stage.database.texts(
        "SELECT DISTINCT reason || ' ' || (until > now()) FROM codemint.waits WHERE reason NOT IN ('answers', 'sync')"
      )
      #expect(waiting == ["day true"])
      #expect(
        try await stage.database.number("SELECT count(*) FROM codemint.jobs WHERE state = 'failed'")
          == 0
      )
      // Who is told so goes on.
      try await stage.database.run("SELECT codemint.set_codes_per_day(NULL)")
      try await stage.database.allEnded()
      #expect(try await stage.database.unsound() == [])
    }
  }

  @Test("a job above approve_above waits until codemint approve")
  func approval() async throws {
    try await Stage.play { stage in
      try await stage.database.run("SELECT codemint.set_approve_above(100)")
      _ = try stage.daemon()
      try await stage.database.insert(Job(Reward.first, 101), Job(Reward.second, 100))
      try await stage.database.until(
        "EXISTS (SELECT FROM codemint.jobs WHERE id = 2 AND state = 'completed')"
      )
      let reason = try await stage.database.texts(
        "SELECT reason FROM codemint.waits WHERE job_id = 1"
      )
      #expect(reason == ["approval"])
      let approve = try stage.codemint(["approve", "1", "--note", "it is meant"])
      #expect(try await approve.end() == .status(0))
      try await stage.database.allEnded()
      #expect(try await stage.count() == Stage.Count(stored: 201, distinct: 201, made: 201))
    }
  }
}
