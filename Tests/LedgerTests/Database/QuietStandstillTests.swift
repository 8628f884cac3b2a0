import Ledger
import LocalPostgres
import MemoryStore
import Postgres
import Provisioning
import TestSupport
import Testing

/// What other sessions do to the tables, the server or the settings, and what once stopped the fleet, or a reward of
/// it, while everybody was told that all is well.
@Suite("standstills that nobody named")
struct QuietStandstillTests {
  @Test(
    "rule 21: who has blocked the account by hand need not say when the API is asked: a heartbeat has it asked"
  )
  func probe() async throws {
    for block in [
      "blocked_at = now(), blocked_code = 'me', blocked_message = 'by hand'",
      "breaker = 'open', failures = 9, failed_at = now()",
    ] {
      try await RealLedger.lend { ledger in
        try await ledger.announce(Scene.fast)
        try await ledger.bystander.script("UPDATE codemint.account SET probe_at = NULL, \(block)")
        #expect(try await ledger.heartbeat().block?.probeNow == true)
        #expect(try await ledger.heartbeat().block?.probeNow == false)
      }
    }
  }

  @Test(
    "rule 21: while waits cannot tell why a job waits, it needs a person, and nobody says that all is well",
    arguments: [
      // Due, and in none of the queues.
      """
      DELETE FROM codemint.pending_placements;
      UPDATE codemint.jobs SET is_new = false, queue_position = NULL, next_call_at = now() - interval '1 hour',
        updated_at = now() - interval '1 hour'
      """,
      // Closed, with no call in doubt, while claims of other rewards go on.
      "UPDATE codemint.rewards SET closed_at = now() WHERE reward_id = '\(Scene.reward)'",
    ]
  )
  func unexplained(_ sql: String) async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      let job = try await ledger.insert(10, of: Scene.reward)
      try await ledger.announce(Scene.fast)
      try await ledger.bystander.script(
        "INSERT INTO codemint.rewards (reward_id) VALUES ('\(Scene.reward)') ON CONFLICT DO NOTHING; \(sql)"
      )
      let reason = try await ledger.bystander.query("SELECT reason FROM codemint.waits").one()
      #expect(try reason.text("reason") == "unknown")
      let need = try await ledger.bystander.query("SELECT kind, job_id FROM codemint.needs_you")
        .one()
      #expect(try need.text("kind") == "unknown" && need.int64("job_id") == job.number)
      let verdict = try await ledger.bystander.query("SELECT level FROM codemint.verdict").one()
      #expect(try verdict.text("level") == "needs you")
    }
  }

  @Test(
    "rule 21: that the policy by which the daemon sees jobs is gone is told to everybody, and migrate puts it back"
  )
  func droppedPolicy() async throws {
    try await RealLedger.lend { ledger in
      #expect(try await RoleSetup(ledger.bystander).apply() == .done)
      let pool = Pool(try await ledger.bystander.settings(as: TestServer.daemon), limit: 1)
      let daemon = PostgresStore(pool: pool)
      let presence = Samples.presence(Samples.worker(1), limits: Scene.fast)
      _ = try await daemon.heartbeat(presence)
      _ = try await ledger.insert(10, of: Scene.reward)
      try await ledger.bystander.script(
        #"DROP POLICY "the daemon works on every job" ON codemint.jobs"#
      )
      let refused = await #expect(throws: StoreError.self) { try await daemon.heartbeat(presence) }
      #expect(refused?.description.contains("row security is on for codemint.jobs") == true)
      let need = try await ledger.bystander.query("SELECT * FROM codemint.needs_you").one()
      #expect(try need.text("kind") == "hidden" && need.text("command") == "codemint migrate")
      let verdict = try await ledger.bystander.query("SELECT words FROM codemint.verdict").one()
      #expect(try verdict.text("words").hasPrefix("ROWS ARE HIDDEN FROM THE DAEMONS"))
      // A login that row security does not concern works on.
      _ = try await ledger.store.heartbeat(presence)
      #expect(try await DoctorQueries(ledger.bystander).silencers().map(\.keepsOut) == [true])
      #expect(try await Migrator(ledger.bystander).migrate())
      #expect(try await daemon.heartbeat(presence).hasWaitingJobs)
      #expect(try await ledger.bystander.query("SELECT FROM codemint.needs_you").isEmpty)
      await pool.close()
    }
  }

  @Test(
    "daemons whose rows somebody keeps locked are not taken for dead while they work, and who locks is named"
  )
  func silentDaemons() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(5000, of: Scene.reward)
      let kinds: Statement = "SELECT kind, why FROM codemint.needs_you"
      try await ledger.bystander.script(
        "UPDATE codemint.workers SET seen_at = now() - interval '20 s', expires_at = now() - interval '5 s'"
      )
      #expect(try await ledger.bystander.query(kinds).one().text("kind") == "daemon")
      let holder = try await Connection.open(ledger.settings)
      try await holder.script("BEGIN; SELECT FROM codemint.workers FOR UPDATE")
      guard case .call = try await ledger.claim() else {
        Issue.record("nothing is claimed")
        return
      }
      _ = try await ledger.heartbeat()
      let need = try await ledger.bystander.query(kinds).one()
      #expect(try need.text("kind") == "silent")
      #expect(
        try need.text("why").hasPrefix(
          "daemons work, but cannot show that they live: the row of a daemon is locked by "
        )
      )
      let waits = try await ledger.bystander.query("SELECT reason FROM codemint.waits").one()
      #expect(try waits.text("reason") != "daemon")
      // One answer wherever it is asked.
      try await ledger.bystander.script("SELECT codemint.measure_line()")
      let elsewhere = try await ledger.bystander.query(
        """
        SELECT s.time_left IS NULL OR EXISTS (
                 SELECT FROM codemint.check_job(s.reward_id, 10) c WHERE c.about = 'daemon') AS is_dead,
               a.what_to_do
        FROM codemint.job_status s, codemint.account_status a
        """
      ).one()
      #expect(try !elsewhere.bool("is_dead"))
      #expect(try elsewhere.text("what_to_do") == "none: it proceeds by itself")
      // It has stopped, and what it did is no sign of life any more.
      try await ledger.store.retire(Samples.worker(1))
      #expect(try await ledger.bystander.query(kinds).one().text("kind") == "daemon")
      await holder.close()
    }
  }

  @Test("a server that takes no more connections is said to, with what helps")
  func crowd() async throws {
    try await Logins.lend { logins in
      let settings = try await logins.newLogin(.worker)
      let login = try await Connection.open(settings)
      let name = try await login.query("SELECT current_user::text AS name").one().text("name")
      try await logins.owner.script("ALTER ROLE \(name) CONNECTION LIMIT 1")
      let error = await failure { () throws(PostgresError) in
        _ = try await Connection.open(settings)
      }
      #expect(error?.loginRefusal == .crowd)
      #expect(error?.description.contains("the server takes no more connections") == true)
      #expect(error?.description.contains("too many connections for role") == true)
      #expect(error?.description.contains("raise max_connections") == true)
      #expect(error.map { StoreError.Cause($0) } == .crowd)
      await login.close()
    }
  }

  @Test(
    "what the web server asks is answered or given up in time, also while nothing can be planned"
  )
  func deadline() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.bystander.script(
        "BEGIN; LOCK TABLE pg_catalog.pg_proc IN ACCESS EXCLUSIVE MODE"
      )
      let pool = Pool(ledger.settings, limit: 1)
      let start = ContinuousClock.now
      let error = await failure { () throws(PostgresError) in
        try await OverviewQueries(pool: pool).standstill()
      }
      #expect(error?.code == .deadlineExceeded)
      #expect(ContinuousClock.now - start < OverviewQueries.deadline + .seconds(2))
      try await ledger.bystander.script("ROLLBACK")
      await pool.close()
    }
  }

  @Test(
    "rule 21: a reward whose row was deleted while one of its calls is in doubt is listed all the same"
  )
  func deletedReward() async throws {
    try await PostgresUnderTest.lend { ledger in
      guard let ledger = ledger as? PostgresUnderTest else { return }
      try await Scene.over(ledger) { scene in
        _ = try await scene.insert(10)
        _ = try await scene.doubtfulCall()
        try await ledger.bystander.script(
          "DELETE FROM codemint.rewards; UPDATE codemint.healing SET checked_at = NULL"
        )
        #expect(
          try await scene.heartbeat().mended.contains(
            "reward \(Scene.reward) was open with a call in doubt"
          )
        )
        #expect(try await scene.doubt().reward == Scene.reward)
      }
    }
  }

  @Test(
    "rule 21: a reward whose row was deleted while a call was out gets it again when the call's lease is over"
  )
  func deletedWhileSending() async throws {
    try await PostgresUnderTest.lend { ledger in
      guard let ledger = ledger as? PostgresUnderTest else { return }
      try await Scene.over(ledger) { scene in
        _ = try await scene.insert(10)
        let claimed = try await scene.claim()
        try await ledger.bystander.script("DELETE FROM codemint.rewards")
        try await ledger.pass(.seconds(30))
        #expect(try await scene.heartbeat().expired.map(\.call) == [claimed.call.id])
        #expect(try await scene.doubt().reward == Scene.reward)
      }
    }
  }

  @Test(
    "rule 21: a reward whose row somebody refuses puts its own job off, and other rewards go on"
  )
  func refusedReward() async throws {
    for (result, reason) in [
      ("NULL", "the trigger refuse on codemint.rewards keeps rows out in silence"),
      ("(SELECT 1 / 0)::text::codemint.rewards", "division by zero"),
    ] {
      try await PostgresUnderTest.lend { ledger in
        guard let ledger = ledger as? PostgresUnderTest else { return }
        try await Scene.over(ledger) { scene in
          try await ledger.bystander.script(
            """
            CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql
              AS 'BEGIN RETURN \(result); END';
            CREATE TRIGGER refuse BEFORE INSERT ON codemint.rewards FOR EACH ROW
              WHEN (NEW.reward_id = '\(Scene.reward)') EXECUTE FUNCTION public.refuse();
            """
          )
          let refused = try await scene.insert(10)
          let other = try await scene.insert(10, of: Scene.otherReward)
          #expect(try await scene.claim().call.job == other)
          let row = try await scene.job(refused)
          #expect(row.state == .queued && row.errorCode == "unclaimable")
          let words = try await ledger.bystander.query(
            "SELECT error_message FROM codemint.jobs WHERE unclaimable_since IS NOT NULL"
          ).one().text(0)
          #expect(words.contains(reason), "\(words)")
          try await ledger.bystander.script("DROP FUNCTION public.refuse() CASCADE")
        }
      }
    }
  }

  @Test("waits names the daemon whose settings slow the whole fleet down, or the operator who did")
  func slowDaemon() async throws {
    try await RealLedger.lend { ledger in
      let slow = Limits(
        requestsPerSecond: 0.01,
        burst: 1,
        maxInFlight: 100,
        maxInFlightPerReward: 100
      )
      try await ledger.announce(slow)
      _ = try await ledger.insert(1000, of: Scene.reward)
      guard case .call = try await ledger.claim() else {
        Issue.record("nothing is claimed")
        return
      }
      let age =
        "UPDATE codemint.calls SET created_at = now() - interval '1 minute'; "
        + "UPDATE codemint.jobs SET updated_at = now() - interval '1 minute', next_call_at = now() - interval '1 minute'"
      try await ledger.bystander.script("ALTER TABLE codemint.calls DISABLE TRIGGER USER; \(age)")
      let why = Statement("SELECT reason || ': ' || why FROM codemint.waits")
      #expect(
        try await ledger.bystander.query(why).one().text(0)
          == "pace: the next slot of the pace has not come: 0.010 requests a second, by the settings of the daemon on host"
      )
      try await ledger.bystander.script("SELECT codemint.set_limits(requests_per_second => 0.02)")
      _ = try await ledger.heartbeat(limits: slow)
      #expect(
        try await ledger.bystander.query(why).one().text(0).hasSuffix(
          "0.020 requests a second, set by postgres"
        )
      )
    }
  }

  @Test(
    "commits that wait for a standby which is not there are named by everybody, until one is, or nobody asks for one"
  )
  func standby() async throws {
    let server = try await TestServer()
    let settings = try server.settings(try await server.makeDatabase())
    let bystander = try await Connection.open(settings)
    _ = try await Migrator(bystander).migrate()
    let pool = Pool(settings, limit: 2)
    let ledger = RealLedger(
      settings: settings,
      pool: pool,
      store: PostgresStore(pool: pool),
      bystander: bystander
    )
    try await ledger.announce(Scene.fast)
    _ = try await ledger.insert(10, of: Scene.reward)
    try server.server.sql("ALTER SYSTEM SET synchronous_standby_names = 'ghost'")
    try await Self.reload(bystander, until: "codemint.lacks_standby()")
    let waits = try await bystander.query("SELECT reason, why FROM codemint.waits").one()
    #expect(try waits.text("reason") == "locked")
    #expect(try waits.text("why").hasPrefix("every commit is locked by synchronous_standby_names"))
    let verdict = try await bystander.query("SELECT level, words FROM codemint.verdict").one()
    #expect(try verdict.text("level") == "stopped")
    #expect(try verdict.text("words").hasPrefix("COMMITS WAIT FOR A STANDBY"))
    #expect(try await OverviewQueries(pool: pool).standstill()?.contains("every commit") == true)
    try server.server.sql("ALTER SYSTEM RESET synchronous_standby_names")
    try await Self.reload(bystander, until: "NOT codemint.lacks_standby()")
    guard case .call = try await ledger.claim() else {
      Issue.record("nothing is claimed")
      return
    }
    await bystander.close()
    await pool.close()
    try await server.server.remove()
  }

  private static func reload(_ connection: Connection, until condition: String) async throws {
    _ = try await connection.query("SELECT pg_reload_conf()")
    while try await !connection.query(Statement("SELECT \(condition)")).one().bool(0) {}
  }

  @Test(
    "a snapshot that keeps old versions of the account, so that claims get slow, is named until it is gone"
  )
  func oldRows() async throws {
    try await RealLedger.lend { ledger in
      let reader = try await Connection.open(ledger.settings)
      try await reader.script(
        "SET application_name = 'report'; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1"
      )
      try await ledger.bystander.script(
        """
        DO 'BEGIN FOR i IN 1..10500 LOOP UPDATE codemint.account SET pace = pace; END LOOP; END';
        SELECT pg_stat_force_next_flush();
        SELECT 1;
        """
      )
      let needs = Statement(
        "SELECT why, what_to_do FROM codemint.needs_you WHERE kind = 'old_rows'"
      )
      let need = try await ledger.bystander.query(needs).one()
      #expect(try need.text("why").contains("old versions of the row of the account"))
      #expect(try need.text("what_to_do").hasPrefix("SELECT pg_terminate_backend("))
      try await reader.script("ROLLBACK")
      await reader.close()
      try await ledger.bystander.script("VACUUM codemint.account")
      // Other tests of this server may still have a snapshot of before.
      while try await !ledger.bystander.query(needs).isEmpty {
        try await ledger.bystander.script(
          "VACUUM codemint.account; SELECT pg_stat_force_next_flush()"
        )
      }
    }
  }
}
