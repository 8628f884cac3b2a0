import Backstage
import Foundation
import LocalPostgres
import Logging
import Sandbox
import Testing

@Suite("A failover of the database", .timeLimit(Patience.limit))
struct FailoverTests {
  /// Two servers, one following the other, and a stand-in.
  private struct Pair: Sendable {
    let primary: LocalPostgres
    let standby: LocalPostgres
    let database: Database
    let sandbox: Sandbox
    let environment: [String: String]

    /// As `environment`, for a process that knows one of the two only.
    func environment(at server: LocalPostgres) -> [String: String] {
      environment.merging(["CODEMINT_DATABASE_URL": server.url(database: "codemint")]) { $1 }
    }

    func codemint(_ arguments: String...) throws -> CodemintProcess {
      try CodemintProcess(arguments, environment: environment)
    }
  }

  @Test("a standby that is promoted in the middle: the daemon finds it, and nothing is lost")
  func synchronous() async throws {
    try await Self.play { pair in
      try pair.primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
      try pair.primary.sql("SELECT pg_reload_conf()")
      let daemon = try pair.codemint("run")
      try await pair.database.insert((1...6).map { Job(Reward.numbered($0), 1500) })
      try await Patience.until { pair.sandbox.truth.generateRequests >= 6 }
      try await pair.primary.stop(.killed)
      try pair.standby.promote()
      try await pair.database.allEnded()

      #expect(try await pair.database.unsound() == [])
      #expect(pair.sandbox.truth.codes == 9000)
      #expect(try await pair.database.number("SELECT count(*) FROM codemint.codes") == 9000)
      await daemon.bury()
    }
  }

  @Test("one that loses the last commits: what can be listed is found, audit names the rest")
  func asynchronous() async throws {
    try await Self.play { pair in
      let daemon = try pair.codemint("run")
      try await pair.database.insert(Job(Reward.first, 300))
      try await pair.database.allEnded()
      try await Self.fallBehind(pair)
      try await pair.database.insert(Job(Reward.first, 200), Job(Reward.second, 100))
      try await pair.database.allEnded()
      await daemon.bury()
      try await pair.primary.stop(.killed)
      try pair.standby.promote()

      #expect(try await pair.database.number("SELECT count(*) FROM codemint.codes") == 300)
      // The ledger has a call of the first reward, so it is listed before anything is asked of it, and what
      // was lost counts for the job that is open.
      let next = try pair.codemint("run")
      try await pair.database.insert(Job(Reward.first, 50))
      try await pair.database.allEnded()
      #expect(
        try await pair.database.texts(
          "SELECT concat_ws(' ', count(*), surplus) FROM codemint.codes GROUP BY surplus ORDER BY 1"
        ) == ["150 t", "350 f"]
      )
      let clean = try pair.codemint("audit", Reward.first)
      #expect(try await clean.end() == .status(0))

      // Of the second reward it knows nothing; only a person who does can ask.
      let audit = try pair.codemint("audit", Reward.second)
      #expect(try await audit.end() == .status(1))
      let unknown = "  100 codes upstream that the ledger does not know:"
      #expect(audit.output.all.contains(unknown))
      for id in pair.sandbox.truth.ids(ofReward: Reward.second) {
        #expect(audit.output.all.contains("    \(id)"))
      }
      await next.bury()
    }
  }

  @Test(
    "rule 18: a copy recovered to an older time sends nothing, while the original goes on beside it"
  )
  func copied() async throws {
    try await Self.play { pair in
      let daemon = try pair.codemint("run")
      try await pair.database.insert(Job(Reward.first, 300))
      try await pair.database.allEnded()
      await daemon.bury()
      // The copy's last sign of life is as old as a backup's.
      try pair.primary.sql(
        """
        UPDATE codemint.workers SET seen_at = seen_at - interval '1 day';
        UPDATE codemint.calls SET created_at = created_at - interval '1 day';
        INSERT INTO codemint.jobs (reward_id, count) VALUES ('\(Reward.second)', 100)
        """,
        database: "codemint"
      )
      try await Self.fallBehind(pair)
      try pair.standby.promote()

      let original = try CodemintProcess(["run"], environment: pair.environment(at: pair.primary))
      let copy = try CodemintProcess(["run"], environment: pair.environment(at: pair.standby))
      try await copy.errors.line("a backup was restored, or a standby promoted late")
      let done = "SELECT count(*) FROM codemint.jobs WHERE state = 'completed'"
      try await Patience.until { try pair.primary.sql(done, database: "codemint") == "2" }
      #expect(try pair.standby.sql(done, database: "codemint") == "1")
      #expect(pair.sandbox.truth.codes == 400)

      // If a person accepts it all the same, it finds what the original has made, and buys nothing twice.
      await original.bury()
      try pair.standby.sql(
        "SELECT codemint.accept_cluster('the original is off')",
        database: "codemint"
      )
      try await Patience.until { try pair.standby.sql(done, database: "codemint") == "2" }
      #expect(pair.sandbox.truth.codes == 400)
      await copy.bury()
    }
  }

  @Test("doctor says of a hot standby that it takes no writes, and tries nothing there")
  func examined() async throws {
    try await Self.play { pair in
      let all = try pair.primary.sql("SELECT pg_current_wal_flush_lsn()")
      try await Patience.until {
        try pair.standby.sql("SELECT pg_last_wal_replay_lsn() >= '\(all)'") == "t"
      }
      let doctor = try CodemintProcess(["doctor"], environment: pair.environment(at: pair.standby))
      #expect(try await doctor.end() == .status(1))
      let lines = try await doctor.output.whole()
      #expect(lines.contains { $0.hasPrefix("failed") && $0.contains("is a standby") }, "\(lines)")
      #expect(lines.contains { $0.hasPrefix("ok       schema") }, "\(lines)")
      let well = try CodemintProcess(["doctor"], environment: pair.environment(at: pair.primary))
      #expect(try await well.end() == .status(0))
    }
  }

  /// The standby has everything so far, and gets nothing from now on.
  private static func fallBehind(_ pair: Pair) async throws {
    let all = try pair.primary.sql("SELECT pg_current_wal_flush_lsn()")
    try await Patience.until {
      try pair.standby.sql("SELECT pg_last_wal_replay_lsn() >= '\(all)'") == "t"
    }
    try pair.standby.sql("ALTER SYSTEM SET primary_conninfo = ''")
    try pair.standby.sql("SELECT pg_reload_conf()")
    try await Patience.until {
      try pair.primary.sql("SELECT count(*) FROM pg_stat_replication") == "0"
    }
  }

  private static func play(_ body: @Sendable @escaping (Pair) async throws -> Void) async throws {
    let primary = try await LocalPostgres.start()
    let standby = try await LocalPostgres.start()
    try await primary.createDatabase("codemint")
    try await standby.stop(.immediate)
    try await standby.follow(primary)
    let hosts = "\(primary.directory),\(standby.directory)"
    let url = """
      postgresql://postgres@/codemint?host=\(hosts)&port=\(primary.port),\(standby.port)\
      &target_session_attrs=read-write
      """
    let sandbox = try Sandbox(
      SandboxConfiguration(latency: SandboxLatency(fixed: .milliseconds(50))),
      logger: Logger(label: "sandbox") { _ in SwiftLogNoOpLogHandler() }
    )
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await sandbox.run() }
      let environment = [
        "CODEMINT_CONFIG": "/dev/null",
        "CODEMINT_HTTP_LISTEN": "",
        "CODEMINT_DATABASE_URL": url,
        "CODEMINT_API_BASE_URL": "http://127.0.0.1:\(try await sandbox.port())",
        "CODEMINT_API_KEY": "any",
        "CODEMINT_LIMITS_REQUESTS_PER_SECOND": "50",
        "CODEMINT_LIMITS_MAX_IN_FLIGHT": "8",
        "CODEMINT_LEASE_SECONDS": "60",
        "CODEMINT_POLL_SECONDS": "1",
      ]
      let migration = try CodemintProcess(["migrate"], environment: environment)
      #expect(try await migration.end() == .status(0))
      let database = try Database(name: "codemint", url: url, passwordURL: url)
      try await database.run(Database.tellTale)
      let pair = Pair(
        primary: primary,
        standby: standby,
        database: database,
        sandbox: sandbox,
        environment: environment
      )
      try await body(pair)
      await database.close()
      group.cancelAll()
    }
    try await primary.remove()
    try await standby.remove()
  }
}
