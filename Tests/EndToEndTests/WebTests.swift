import Backstage
import Foundation
import Sandbox
import Testing

@Suite("The web server", .timeLimit(Patience.limit))
struct WebTests {
  @Test("health, readiness, the page, its facts and the metrics, and never a code or the key")
  func everything() async throws {
    try await Stage.play { stage in
      let web = try Web()
      let daemon = try stage.daemon(["CODEMINT_HTTP_LISTEN": web.address])
      try await daemon.errors.line("web server listens")
      try await stage.database.insert(
        Job(Reward.first, 700, prefix: "SUMMER"),
        Job(Reward.unknown, 5)
      )
      try await stage.database.allEnded()

      #expect(try await web.get("/healthz") == .init(status: 200, body: "ok\n"))
      #expect(try await web.get("/readyz") == .init(status: 200, body: "ok\n"))
      let page = try await web.get("/")
      #expect(
        page.status == 200
          && page.body.contains("<title>\u{2713} all well: no open jobs; 1 job has failed")
      )
      #expect(page.body.contains("prefix SUMMER") && page.body.contains("database "))
      let job = try await web.get("/jobs/1")
      #expect(job.status == 200 && job.body.contains("issued") && job.body.contains("Prefix"))
      for path in ["/jobs/999", "/jobs/x", "/icon/other.svg"] {
        #expect(try await web.get(path).status == 404, "\(path)")
      }
      #expect(try await web.get("/icon/well.svg").body.contains("<svg"))
      #expect(try await web.get("/?state=finished&q=VIP").body.contains("No such open jobs."))
      #expect(try await web.get("/page.css").status == 200)
      #expect(try await web.get("/page.js").status == 200)
      #expect(try await web.get("/nothing").status == 404)

      let facts = try await web.get("/status.json")
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(facts.body.utf8)) as? [String: Any]
      )
      let jobs = try #require(object["jobs"] as? [[String: Any]])
      #expect(Set(jobs.compactMap { $0["state"] as? String }) == ["completed", "failed"])
      let metrics = try await web.get("/metrics")
      for line in [
        "codemint_ledger_up 1", #"codemint_calls_total{outcome="issued"} 2"#,
        #"codemint_calls_total{outcome="rejected"} 1"#, "codemint_codes_total 700",
        #"codemint_jobs_finished_total{state="failed"} 1"#, "codemint_workers 1",
        #"codemint_account_state{state="open"} 1"#,
      ] { #expect(metrics.body.contains(line + "\n"), "\(line)") }
      let event = try await web.firstEvent()
      let lines = event.split(separator: "\n")
      #expect(lines.count == 2 && lines.first == "event: status")
      let data = try #require(lines.last?.dropFirst("data: ".count))
      let shown = try #require(
        try JSONSerialization.jsonObject(with: Data(data.utf8)) as? [String: Any]
      )
      #expect((shown["jobs"] as? [Any])?.count == 2)

      let codes = try await stage.database.texts("SELECT code FROM codemint.codes")
      #expect(codes.count == 700)
      for text in [page.body, job.body, facts.body, metrics.body, event] {
        #expect(!text.contains(stage.key))
        #expect(codes.allSatisfy { !text.contains($0) })
      }
    }
  }

  @Test(
    "on loopback only this machine's names are answered to, whatever a browser was made believe"
  )
  func rebinding() async throws {
    try await Stage.play { stage in
      let web = try Web()
      let daemon = try stage.daemon(["CODEMINT_HTTP_LISTEN": web.address])
      try await daemon.errors.line("web server listens")
      for host in ["localhost", "LOCALHOST:80", "127.0.0.1:9420", "[::1]:1", "127.1.2.3"] {
        #expect(try await web.get("/", host: host).status == 200, "\(host)")
      }
      let paths = ["/", "/status.json", "/events", "/metrics", "/healthz", "/readyz", "/nothing"]
      for path in paths {
        let answer = try await web.get(path, host: "attacker.example:9420")
        #expect(answer.status == 421, "\(path)")
        #expect(answer.body.contains(#""Host: localhost""#))
      }
      for host in ["localhost.attacker.example", "127.0.0.1.nip.example", "0x7f.1", "[::1].a", ""] {
        #expect(try await web.get("/", host: host).status == 421, "\(host)")
      }
    }
  }

  @Test("on all addresses any name is answered to: Prometheus has one of its own")
  func otherNames() async throws {
    try await Stage.play { stage in
      let web = try Web()
      let everywhere = web.address.replacing("127.0.0.1", with: "0.0.0.0")
      let daemon = try stage.daemon(["CODEMINT_HTTP_LISTEN": everywhere])
      try await daemon.errors.line("web server listens")
      #expect(try await web.get("/metrics", host: "shop-1.example:9420").status == 200)
    }
  }

  @Test("codemint health ends as the daemon's health checks answer, wherever the daemon listens")
  func healthCommand() async throws {
    try await Stage.play { stage in
      let web = try Web()
      let listen = [
        "CODEMINT_HTTP_LISTEN": web.address.replacing("127.0.0.1", with: "0.0.0.0"),
        // No database: the daemon waits for it.
        "CODEMINT_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
      ]
      let nobody = try stage.codemint(["health"], listen)
      #expect(try await nobody.end() == .status(1))
      #expect(nobody.output.count("does not answer") == 1)

      let daemon = try stage.daemon(listen)
      try await daemon.errors.line("web server listens")
      let healthy = try stage.codemint(["health"], listen)
      #expect(try await healthy.end() == .status(0))
      #expect(healthy.output.all == ["ok"])
      let waiting = try stage.codemint(["health", "--ready"], listen)
      #expect(try await waiting.end() == .status(1))
      #expect(
        waiting.output.all == [try await web.get("/readyz").body.trimmingCharacters(in: .newlines)]
      )

      let without = try stage.codemint(["health"], ["CODEMINT_HTTP_LISTEN": ""])
      #expect(try await without.end() == .status(78))
    }
  }

  @Test("codes that a watch finds late are counted as surplus")
  func surplus() async throws {
    try await Stage.play { stage in
      let web = try Web()
      let daemon = try stage.daemon([
        "CODEMINT_HTTP_LISTEN": web.address, "CODEMINT_POLL_SECONDS": "0.2",
      ])
      try await stage.database.insert(Job(Reward.first, 50))
      try await stage.database.allEnded()
      #expect(try await web.get("/metrics").body.contains("codemint_surplus_codes_total 0\n"))
      // As if the call had been judged absent for seven of its codes.
      try await stage.database.run(
        """
        DELETE FROM codemint.codes WHERE id IN (SELECT id FROM codemint.codes LIMIT 7);
        INSERT INTO codemint.reward_watches (reward_id, reason, call_id, since, next_listing_at)
        SELECT r.reward_id, 'absent_call', (SELECT id FROM codemint.calls), r.created_at,
               clock_timestamp()
        FROM codemint.rewards r
        """
      )
      try await daemon.errors.line("codes found late, recorded as surplus")
      let metrics = try await web.get("/metrics").body
      #expect(metrics.contains("codemint_surplus_codes_total 7\n"))
      #expect(metrics.contains("codemint_codes_total 50\n"))
    }
  }

  @Test("a place among those that follow the page is given back by whoever takes the head alone")
  func heads() async throws {
    try await Stage.play { stage in
      let web = try Web()
      let daemon = try stage.daemon(["CODEMINT_HTTP_LISTEN": web.address])
      try await daemon.errors.line("web server listens")
      for _ in 1...30 {
        #expect(try await web.head("/events") == 200)
        #expect(try await web.head("/live") == 200)
      }
      #expect(try await web.firstEvent().hasPrefix("event: status\n"))
    }
  }

  @Test("what other systems do not take is shown with the API's own words and the SQL that helps")
  func syncProblems() async throws {
    let sync = SyncShape(
      systems: [.shopify],
      pendingShare: 1,
      errorShare: 1,
      pendingFor: .zero,
      pendingSpread: .zero
    )
    try await Stage.play(api: SandboxConfiguration(sync: sync)) { stage in
      let web = try Web()
      _ = try stage.daemon([
        "CODEMINT_HTTP_LISTEN": web.address, "CODEMINT_SYNC_FIRST_SECONDS": "0.2",
        "CODEMINT_SYNC_LONGEST_SECONDS": "1", "CODEMINT_SYNC_RETRIES": "0",
      ])
      try await stage.database.insert(Job(Reward.first, 120))
      try await stage.database.until(
        "EXISTS (SELECT FROM codemint.resyncs WHERE given_up_at IS NOT NULL)"
      )
      let facts = try await web.facts()
      let problem = try #require((facts["sync"] as? [[String: Any]])?.first)
      #expect(problem["system"] as? String == "shopify" && problem["codes"] as? Int == 100)
      #expect(problem["error"] as? String == "taken")
      let statement = "SELECT codemint.track_sync('\(Reward.first)')"
      #expect(problem["what_to_do"] as? String == statement)
      let job = try #require((facts["jobs"] as? [[String: Any]])?.first)
      #expect(job["sync_errors"] as? Int == 100)
    }
  }

  @Test("what the API was seen to do is shown with what it means, and contradictions are counted")
  func facts() async throws {
    try await Stage.play { stage in
      let web = try Web()
      _ = try stage.daemon(["CODEMINT_HTTP_LISTEN": web.address])
      try await stage.database.insert(Job(Reward.first, 20))
      try await stage.database.allEnded()
      let seen = try #require(try await web.facts()["api"] as? [[String: Any]])
      let resolution = try #require(seen.first { $0["fact"] as? String == "answer_resolution" })
      #expect(resolution["state"] as? String == "as documented" && resolution["means"] != nil)
      #expect(try await web.get("/metrics").body.contains("codemint_api_facts_contradicted 0\n"))
      try await stage.database.run(
        """
        SELECT codemint.record_fact('list_order', '', 'newest_first', 7);
        SELECT codemint.record_fact('list_order', '', 'not_kept', 7);
        """
      )
      // The page asks the database once a second.
      try await Patience.until {
        let account = try await web.facts()["account"] as? [String: Any]
        return account?["api_contradictions"] is String
      }
      let facts = try await web.facts()
      let first = try #require((facts["api"] as? [[String: Any]])?.first)
      #expect(first["fact"] as? String == "list_order")
      #expect(first["state"] as? String == "contradicted")
      let account = try #require(facts["account"] as? [String: Any])
      let words = try #require(account["api_contradictions"] as? String)
      #expect(words.hasPrefix("list_order was seen as newest_first and as not_kept"))
      #expect(try await web.get("/metrics").body.contains("codemint_api_facts_contradicted 1\n"))
    }
  }

  @Test("a job that waits for a person is shown with the SQL that lets it go on")
  func waiting() async throws {
    try await Stage.play { stage in
      let web = try Web()
      let daemon = try stage.daemon(["CODEMINT_HTTP_LISTEN": web.address])
      try await daemon.errors.line("web server listens")
      try await stage.database.run(
        """
        INSERT INTO codemint.jobs (reward_id, count, run_at)
          SELECT gen_random_uuid(), 5, now() + interval '1 day' FROM generate_series(1, 2);
        UPDATE codemint.jobs SET held = true, next_call_at = NULL, error_code = 'forbidden';
        UPDATE codemint.jobs SET paused = true, held = false, state = 'running' WHERE id = 2;
        """
      )
      let jobs = try #require(try await web.facts()["jobs"] as? [[String: Any]])
      let words = Dictionary(
        uniqueKeysWithValues: jobs.map { ($0["id"] as? Int ?? 0, $0["what_to_do"] as? String) }
      )
      #expect(words[1] == "SELECT codemint.retry_job(1, 'why')")
      #expect(words[2] == "SELECT codemint.resume_job(2)")
    }
  }

  @Test("without its database the daemon is healthy and not ready, and says which")
  func databaseGone() async throws {
    try await Stage.playWithMortalServer { stage in
      let web = try Web()
      let daemon = try stage.daemon(["CODEMINT_HTTP_LISTEN": web.address])
      try await daemon.errors.line("ready")
      try await stage.server.stop(.immediate)
      try await Patience.until { try await web.get("/readyz").status == 503 }
      let unready = Web.Answer(status: 503, body: "the database does not answer\n", retryAfter: "5")
      #expect(try await web.get("/readyz") == unready)
      #expect(try await web.get("/healthz").status == 200)
      #expect(try await web.get("/status.json").status == 503)
      let page = try await web.get("/")
      #expect(page.status == 503 && page.body.contains("the database does not answer"))
      #expect(try await web.get("/metrics").body.contains("codemint_ledger_up 0\n"))
    }
  }

  @Test("1500 connections that do nothing take nothing from the daemon")
  func crowd() async throws {
    try await Stage.play { stage in
      let web = try Web()
      let daemon = try stage.codemint(
        ["-c", #"ulimit -n 400 && exec "$0" run"#, Binary.path],
        ["CODEMINT_HTTP_LISTEN": web.address],
        program: "/bin/sh"
      )
      try await daemon.errors.line("web server listens")
      // Idle ones are closed after a while: on a busy machine before they are all there.
      var crowd = try Crowd(of: 1500, at: web.address)
      var full = try await web.get("/healthz")
      while full.status != 503 {
        crowd = try Crowd(of: 1500, at: web.address)
        full = try await web.get("/healthz")
      }
      #expect(full.body.contains("too many connections"))
      try await stage.database.insert(Job(Reward.first, 1200), Job(Reward.second, 700))
      try await stage.database.allEnded()
      let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(daemon.process)/fd")
      #expect(open.count < 200)
      crowd.leave()
      try await Patience.until { try await web.get("/healthz").status == 200 }
      #expect(try await stage.database.unsound() == [])
      #expect(daemon.errors.count("Too many open files") == 0)
    }
  }

  @Test("the soft limit of descriptors is raised to the hard one")
  func descriptors() async throws {
    try await Stage.play { stage in
      let daemon = try stage.codemint(
        ["-c", #"ulimit -Sn 256 && ulimit -Hn 3000 && exec "$0" run"#, Binary.path],
        program: "/bin/sh"
      )
      try await daemon.errors.line("ready")
      let limits = try String(contentsOfFile: "/proc/\(daemon.process)/limits", encoding: .utf8)
      let files = limits.split(separator: "\n").first { $0.hasPrefix("Max open files") }
      #expect(files?.split(separator: " ").dropFirst(3).first == "3000")
    }
  }

  @Test("the fifth browser at one address gets no stream")
  func streams() async throws {
    try await Stage.play { stage in
      let web = try Web()
      let daemon = try stage.daemon(["CODEMINT_HTTP_LISTEN": web.address])
      try await daemon.errors.line("web server listens")
      let streams = try (1...4).map { _ in try Crowd(of: 1, at: web.address, asking: "/events") }
      try await Patience.until { try await web.head("/events") == 503 }
      #expect(try await web.get("/healthz").status == 200)
      for stream in streams { stream.leave() }
      try await Patience.until { try await web.head("/events") == 200 }
    }
  }

  @Test("an address that is taken keeps no code from being provisioned")
  func taken() async throws {
    try await Stage.play { stage in
      let port = stage.baseURL.replacing("http://", with: "")
      let daemon = try stage.daemon(["CODEMINT_HTTP_LISTEN": port])
      try await daemon.errors.line("the web server cannot listen")
      try await stage.database.insert(Job(Reward.first, 10))
      try await stage.database.allEnded()
      #expect(try await stage.database.unsound() == [])
      daemon.send(SIGTERM)
      #expect(try await daemon.end() == .status(0))
    }
  }
}
