import Backstage
import Foundation
import Postgres
import Testing

@Suite("Daemons that see nothing, say nothing, or are not let in", .timeLimit(Patience.limit))
struct UnseenWorkTests {
  @Test("the daemons' policy is gone: all say so, migrate puts it back, and the job is done")
  func hidden() async throws {
    try await Stage.play { stage in
      let web = try Web()
      let login = try await stage.login("codemint_worker")
      _ = try stage.daemon(login.merging(["CODEMINT_HTTP_LISTEN": web.address]) { $1 })
      try await Patience.until { try await web.get("/readyz").status == 200 }
      try await stage.database.run("DROP POLICY \"the daemon works on every job\" ON codemint.jobs")
      try await stage.database.insert(Job(Reward.first, 10))
      let words = "the table jobs is locked by row security"
      try await Patience.until { try await web.get("/readyz").body.contains(words) }
      #expect(try await stage.verdict().hasPrefix("ROWS ARE HIDDEN FROM THE DAEMONS"))
      let why = try stage.codemint(["why", "1"])
      #expect(try await why.end() == .status(0))
      try await why.output.line("run codemint migrate")
      #expect(stage.sandbox.truth.generateRequests == 0)

      #expect(try await stage.codemint(["migrate"]).end() == .status(0))
      try await stage.database.allEnded()
      try await Patience.until { try await web.get("/readyz").status == 200 }
      #expect(try await stage.database.unsound() == [])
    }
  }

  @Test("a daemon that is stopped gives no sign of life, which the verdict says; then all goes on")
  func stopped() async throws {
    try await Stage.play { stage in
      let daemon = try stage.daemon(["CODEMINT_LEASE_SECONDS": "5"])
      try await stage.firstAnswer()
      daemon.send(SIGSTOP)
      try await stage.database.insert(Job(Reward.first, 10))
      try await Patience.until { try await stage.verdict().hasPrefix("NO DAEMON RUNNING since ") }
      let waits = "SELECT reason FROM codemint.waits WHERE reason <> 'sync'"
      #expect(try await stage.database.texts(waits) == ["daemon"])
      daemon.send(SIGCONT)
      try await stage.database.allEnded()
      try await Patience.until { try await stage.verdict().hasPrefix("all well") }
      #expect(try await stage.database.unsound() == [])
    }
  }

  @Test(
    "a daemon that works and cannot show that it lives is not taken for dead, and who keeps it is named"
  )
  func silent() async throws {
    try await Stage.play { stage in
      _ = try stage.daemon([
        "CODEMINT_LEASE_SECONDS": "5", "CODEMINT_LIMITS_REQUESTS_PER_SECOND": "2",
        "CODEMINT_LIMITS_BURST": "1",
      ])
      try await stage.firstAnswer()
      try await stage.whileHolding("SELECT FROM codemint.workers FOR UPDATE") {
        try await stage.database.insert((1...400).map { Job(Reward.numbered($0), 1) })
        let needs = "SELECT kind || ': ' || why FROM codemint.needs_you"
        try await Patience.until {
          try await stage.database.texts(needs).contains {
            $0.hasPrefix("silent: daemons work") && $0.contains("is locked by postgres, pid ")
          }
        }
        #expect(try await !stage.verdict().hasPrefix("NO DAEMON"))
      }
      let silent = "EXISTS (SELECT FROM codemint.needs_you WHERE kind IN ('silent', 'daemon'))"
      try await Patience.until { try await !stage.database.holds(silent) }
    }
  }

  @Test(
    "a login or a database that takes no more connections: log and /readyz say so, and all goes on afterwards",
    arguments: ["ROLE", "DATABASE"]
  )
  func crowded(what: String) async throws {
    try await Stage.play { stage in
      let web = try Web()
      let login = try await stage.login("codemint_worker")
      let daemon = try stage.daemon(login.merging(["CODEMINT_HTTP_LISTEN": web.address]) { $1 })
      try await Patience.until { try await web.get("/readyz").status == 200 }
      let database = stage.database.name
      let limited = "\(what) \(what == "ROLE" ? "codemint_worker_of_\(database)" : database)"
      try await stage.database.run("ALTER \(limited) CONNECTION LIMIT 0")
      try await stage.database.run(
        """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE usename = 'codemint_worker_of_\(database)'
        """
      )
      try await daemon.errors.line("the server takes no more connections; trying until it does")
      let words = "takes no more connections"
      try await Patience.until { try await web.get("/readyz").body.contains(words) }
      try await stage.database.insert(Job(Reward.first, 10))
      try await stage.database.run("ALTER \(limited) CONNECTION LIMIT -1")
      try await stage.database.allEnded()
      try await Patience.until { try await web.get("/readyz").status == 200 }
      #expect(try await stage.database.unsound() == [])
    }
  }

  @Test(
    "a catalogue that somebody has locked: not ready within an answer's time, and all goes on afterwards"
  )
  func catalogueLocked() async throws {
    try await Stage.play { stage in
      let web = try Web()
      let daemon = try stage.daemon(["CODEMINT_HTTP_LISTEN": web.address])
      try await stage.firstAnswer()
      try await Patience.until { try await web.get("/readyz").status == 200 }
      try await stage.database.insert(Job(Reward.first, 10), Job(Reward.second, 10))
      try await stage.whileHolding("LOCK TABLE pg_catalog.pg_proc") {
        try await Patience.until { try await web.get("/readyz").status == 503 }
        #expect(try await web.get("/healthz").status == 200)
      }
      try await stage.database.allEnded()
      try await Patience.until { try await web.get("/readyz").status == 200 }
      #expect(try await stage.database.unsound() == [])
      daemon.send(SIGTERM)
      #expect(try await daemon.end() == .status(0))
    }
  }
}
