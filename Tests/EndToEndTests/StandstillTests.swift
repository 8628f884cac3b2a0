import Backstage
import Foundation
import Postgres
import Sandbox
import Testing

@Suite("Nothing stands still in silence", .timeLimit(Patience.limit))
struct StandstillTests {
  @Test(
    "claims that fail for an unknown reason: said once, not ready, on the page; and once when over"
  )
  func stall() async throws {
    try await Stage.play { stage in
      let web = try Web()
      let daemon = try stage.daemon(["CODEMINT_HTTP_LISTEN": web.address])
      try await daemon.errors.line("web server listens")
      try await Patience.until { try await web.get("/readyz").status == 200 }
      try await stage.refuseClaims()
      try await stage.database.insert(Job(Reward.first, 10))
      try await stage.database.until(
        "EXISTS (SELECT FROM codemint.workers WHERE claim_error IS NOT NULL)"
      )
      try await stage.passStall()

      let line = try await daemon.errors.line("nothing is claimed although jobs are due")
      #expect(line.contains("not today") && line.contains("no call was ever claimed"))
      try await Patience.until { try await web.get("/readyz").status == 503 }
      let answer = try await web.get("/readyz").body
      #expect(answer.hasPrefix("nothing is claimed since ") && !answer.contains("not today"))
      let facts = try await web.facts()
      #expect((facts["standstill"] as? String)?.hasPrefix("nothing is claimed since") == true)
      let unexplained = try #require(facts["unexplained"] as? [[String: Any]])
      #expect(unexplained.map { $0["job_id"] as? Int } == [1])

      try await stage.database.run("DROP TRIGGER refuse ON codemint.calls; NOTIFY codemint_control")
      try await stage.database.allEnded()
      try await stage.database.run("NOTIFY codemint_control")
      try await daemon.errors.line("claims are made again, or nothing is due")
      try await Patience.until { try await web.get("/readyz").status == 200 }
      #expect(daemon.errors.count("nothing is claimed although jobs are due") == 1)
      #expect(try await stage.database.unsound() == [])
    }
  }

  @Test("a read-only database: not ready, doctor fails with the remedy; and all goes on afterwards")
  func readOnly() async throws {
    try await Stage.play { stage in
      let web = try Web()
      let name = stage.database.name
      try await stage.database.insert(Job(Reward.first, 10))
      try await stage.database.run(
        "ALTER DATABASE \(name) SET default_transaction_read_only = on"
      )
      let daemon = try stage.daemon(["CODEMINT_HTTP_LISTEN": web.address])
      try await daemon.errors.line("the database takes no writes; trying until it does")
      try await Patience.until { try await web.get("/readyz").status == 503 }
      let answer = try await web.get("/readyz").body
      #expect(answer == "the database takes no writes: it was made read-only\n")
      let doctor = try stage.codemint(["doctor"])
      #expect(try await doctor.end() == .status(1))
      try await doctor.output.line("failed   trial")
      try await doctor.output.line("target_session_attrs=read-write")

      try await stage.database.run(
        "SET default_transaction_read_only = off; ALTER DATABASE \(name) RESET ALL"
      )
      try await daemon.errors.line("the database takes writes again")
      try await stage.database.allEnded()
      try await Patience.until { try await web.get("/readyz").status == 200 }
    }
  }

  @Test("a key that is refused, or a suspended ledger: not ready, in the verdict's words")
  func noWork() async throws {
    try await Stage.play { stage in
      let web = try Web()
      let place = ["CODEMINT_HTTP_LISTEN": web.address]
      let refused = try stage.daemon(place.merging(["CODEMINT_API_KEY": "old"]) { $1 })
      try await refused.errors.line("web server listens")
      try await stage.database.insert(Job(Reward.first, 10))
      try await Patience.until {
        try await web.get("/readyz").body.hasPrefix("the API refuses the key since ")
      }
      #expect(try await web.get("/readyz").status == 503)
      #expect(try await stage.verdict().hasPrefix("THE API REFUSES THE KEY since "))
      refused.send(SIGTERM)
      #expect(try await refused.end() == .status(0))
      let daemon = try stage.daemon(place)
      try await stage.database.allEnded()
      try await Patience.until { try await web.get("/readyz").status == 200 }

      try await stage.database.run(
        "UPDATE codemint.cluster_identity SET suspended_at = now(), suspended_reason = 'another'"
      )
      let words = "suspended: this database may be a copy since "
      try await Patience.until { try await web.get("/readyz").body.hasPrefix(words) }
      #expect(try await web.get("/readyz").status == 503)
      #expect(try await stage.verdict().hasPrefix("SUSPENDED: THIS DATABASE MAY BE A COPY since "))
      try await stage.database.run("SELECT codemint.accept_cluster('no copy')")
      try await Patience.until { try await web.get("/readyz").status == 200 }
      daemon.send(SIGTERM)
      #expect(try await daemon.end() == .status(0))
    }
  }

  @Test("doctor tries a claim, a settlement and a pause, as each role, and leaves nothing")
  func trial() async throws {
    try await Stage.play { stage in
      try await stage.database.insert(Job(Reward.first, 10))
      let well = try stage.codemint(["doctor"])
      #expect(try await well.end() == .status(0))
      for words in [
        "a claim and a settlement: done as postgres, and rolled back",
        "inserting a job: done as codemint_producer", "pausing a job: done as codemint_operator",
      ] { #expect(well.output.count(words) == 1, "\(words)") }
      let kept = """
        (SELECT count(*) FROM codemint.jobs WHERE state = 'queued' AND NOT paused AND is_new) = 1
        AND NOT EXISTS (SELECT FROM codemint.calls) AND NOT EXISTS (SELECT FROM codemint.job_actions)
        AND NOT EXISTS (SELECT FROM codemint.rewards)
        """
      #expect(try await stage.database.holds(kept))

      try await stage.refuse("BEFORE INSERT ON codemint.rewards")
      let ill = try stage.codemint(["doctor"])
      #expect(try await ill.end() == .status(1))
      #expect(ill.output.count("not this one") == 1)
    }
  }

  @Test("a table that somebody has to itself: status, why and the page name who, and how to end it")
  func tableLocked() async throws {
    try await Stage.play { stage in
      let web = try Web()
      let daemon = try stage.daemon(["CODEMINT_HTTP_LISTEN": web.address])
      try await daemon.errors.line("web server listens")
      try await stage.database.insert(Job(Reward.first, 10))
      try await stage.database.allEnded()
      try await stage.database.whileLocked("codemint.jobs") {
        let holder = "the table jobs is locked by postgres, pid "
        for arguments in [["status"], ["why", "1"]] {
          let command = try stage.codemint(arguments)
          #expect(try await command.end() == .status(75))
          #expect(
            command.errors.count(holder) == 1 && command.errors.count("pg_terminate_backend(") == 1
          )
        }
        for page in ["/", "/jobs/1", "/status.json"] {
          let answer = try await web.get(page)
          #expect(answer.status == 503 && answer.body.contains(holder), "\(answer.body)")
        }
      }
      #expect(try await stage.codemint(["status"]).end() == .status(0))
      try await Patience.until { try await web.get("/").status == 200 }
    }
  }

  @Test(
    "a lock that claims wait for: heartbeats go on, and SIGTERM ends the daemon within its bound"
  )
  func drainUnderLock() async throws {
    try await Stage.play { stage in
      let daemon = try stage.daemon([
        "CODEMINT_API_TIMEOUT_SECONDS": "1", "CODEMINT_POLL_SECONDS": "0.2",
      ])
      try await stage.database.until("EXISTS (SELECT FROM codemint.workers)")
      try await stage.whileHolding("SELECT FROM codemint.account FOR UPDATE") {
        try await stage.database.insert(Job(Reward.first, 10))
        let waits = "EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
        try await Patience.until { try await stage.database.holds(waits) }
        let seen = try await stage.database.texts("SELECT seen_at::text FROM codemint.workers")[0]
        for _ in 1...2 {
          try await stage.database.until(
            "EXISTS (SELECT FROM codemint.workers WHERE seen_at > '\(seen)')"
          )
        }
        let alive = "EXISTS (SELECT FROM codemint.workers WHERE expires_at > clock_timestamp())"
        #expect(try await stage.database.holds(alive))
        #expect(
          try await stage.database.texts("SELECT reason FROM codemint.waits") != ["daemon"]
        )
        try await Patience.until { try await stage.database.holds(waits) }
        let start = ContinuousClock.now
        daemon.send(SIGTERM)
        #expect(try await daemon.end() == .status(0))
        // The API's timeout and 5 seconds, and what a loaded machine takes.
        #expect(ContinuousClock.now - start < .seconds(15))
      }
      _ = try stage.daemon()
      try await stage.database.allEnded()
      #expect(try await stage.database.unsound() == [])
    }
  }

  @Test("a stop with nothing in flight waits for nobody's lock, nor for a database that is silent")
  func stopsAtOnce() async throws {
    try await Stage.play { stage in
      let silence = try ClosedDoor(isSilent: true)
      let limit = Duration.seconds(12)
      try await stage.whileHolding("SELECT FROM codemint.account FOR UPDATE") {
        try await stage.database.insert(Job(Reward.first, 10))
        let locked = try stage.daemon()
        try await locked.errors.line("somebody else holds a lock for too long")
        let lost = try stage.daemon([
          "CODEMINT_DATABASE_URL": "postgresql://postgres@127.0.0.1:\(silence.port)/postgres"
        ])
        try await silence.knocks(1)
        for daemon in [locked, lost] {
          let start = ContinuousClock.now
          daemon.send(SIGTERM)
          #expect(try await daemon.end() == .status(0))
          // With an API timeout of 60 seconds a drain may take 65.
          #expect(ContinuousClock.now - start < limit)
        }
      }
    }
  }

  @Test(
    "a login without a role holds every advisory lock it can see and floods NOTIFY: jobs are done"
  )
  func attacker() async throws {
    try await Stage.play { stage in
      let name = "attacker_of_\(stage.database.name)"
      try await stage.database.run("CREATE ROLE \(name) LOGIN")
      let place = try ConnectionSettings(
        stage.database.url.replacing("postgres@", with: "\(name)@")
      )
      let holder = try await Connection.open(place)
      let flooder = try await Connection.open(place)
      _ = try stage.daemon()
      let attack = Task {
        while !Task.isCancelled {
          _ = try await flooder.query(
            """
            SELECT pg_notify(c, n::text)
            FROM unnest('{codemint_jobs,codemint_control}'::text[]) c, generate_series(1, 500) n
            """
          )
          // Keys that somebody has, or had, and what codemint once used.
          _ = try await holder.query(
            """
            SELECT pg_try_advisory_lock((l.classid::bigint << 32) | l.objid::bigint)
            FROM pg_locks l WHERE l.locktype = 'advisory' AND l.pid <> pg_backend_pid()
            """
          )
          _ = try await holder.query(
            "SELECT pg_try_advisory_lock(k) FROM unnest('{7226321903127,7226321903131}'::bigint[]) k"
          )
        }
      }
      try await stage.database.insert((1...40).map { Job(Reward.numbered($0), 600) })
      try await stage.database.allEnded()
      // An upgrade is not kept waiting either.
      try await stage.database.run("DROP FUNCTION codemint.describe_claims(timestamptz) CASCADE")
      let migrate = try stage.codemint(["migrate"])
      #expect(try await migrate.end() == .status(0))
      attack.cancel()
      _ = await attack.result
      await holder.close()
      await flooder.close()
      #expect(try await stage.database.unsound() == [])
      #expect(
        try await stage.count() == Stage.Count(stored: 24_000, distinct: 24_000, made: 24_000)
      )
      try await stage.database.run("DROP ROLE \(name)")
    }
  }

  @Test(
    "derived tables that are emptied in the middle of the work, and a publication of all tables"
  )
  func emptied() async throws {
    let api = SandboxConfiguration(latency: SandboxLatency(fixed: .milliseconds(20)))
    try await Stage.play(api: api) { stage in
      _ = try stage.daemon()
      try await stage.database.run("CREATE PUBLICATION everything FOR ALL TABLES")
      try await stage.database.insert((1...20).map { Job(Reward.numbered($0), 2000) })
      for step in 1...5 {
        try await stage.requests(step * 8)
        try await stage.database.run(
          """
          TRUNCATE codemint.pending_placements;
          UPDATE codemint.rewards SET queue_priority = NULL, new_job = NULL, queue_head = NULL
          WHERE reward_id IN (SELECT reward_id FROM codemint.rewards FOR UPDATE SKIP LOCKED);
          UPDATE codemint.account SET in_flight = in_flight + 3;
          UPDATE codemint.healing SET checked_at = NULL;
          """
        )
      }
      try await stage.database.allEnded()
      #expect(try await stage.database.unsound() == [])
    }
  }
}
