import Ledger
import MemoryStore
import Postgres
import Provisioning
import TestSupport
import Testing

/// Whoever keeps codemint out is named with the statement that ends it: not who waits in between.
@Suite("who holds the locks")
struct LockHolderTests {
  /// What somebody else keeps for longer than a moment, and what `waits` calls it.
  private static let locks: [(sql: String, what: String)] = [
    ("LOCK TABLE codemint.jobs IN EXCLUSIVE MODE", "the table jobs"),
    ("LOCK TABLE codemint.calls IN SHARE MODE", "the table calls"),
    ("SELECT FROM codemint.turns FOR UPDATE", "the row at which claims take turns"),
    ("SELECT FROM codemint.account FOR SHARE", "the row of the account"),
  ]

  @Test(
    "a table that producers or answers need and somebody keeps locked needs a person without an open job too"
  )
  func lockedWithoutJobs() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      let holder = try await Connection.open(ledger.settings)
      try await holder.script(
        """
        BEGIN; LOCK TABLE codemint.unnumbered_events, codemint.observed_facts IN EXCLUSIVE MODE;
        LOCK TABLE codemint.jobs IN SHARE ROW EXCLUSIVE MODE; SELECT pg_sleep(5.1)
        """
      )
      let needs = try await ledger.bystander.query(
        "SELECT kind, subject, what_to_do FROM codemint.needs_you ORDER BY subject"
      )
      #expect(
        try needs.map { try $0.text("subject") }
          == ["the table jobs", "the table observed_facts", "the table unnumbered_events"]
      )
      #expect(try needs.allSatisfy { try $0.text("kind") == "locked" })
      #expect(
        try needs.allSatisfy { try $0.text("what_to_do").hasPrefix("SELECT pg_terminate_backend") }
      )
      let verdict = try await ledger.bystander.query("SELECT level FROM codemint.verdict").one()
      #expect(try verdict.text("level") == "needs you")
      #expect(
        try await OverviewQueries(pool: ledger.pool).standstill()?.contains("is locked by") == true
      )
      await holder.close()
    }
  }

  @Test("waits names who has locked what every claim needs, whichever row or table that is")
  func shared() async throws {
    for (sql, what) in Self.locks {
      try await Self.lend { ledger, person in
        let holder = try await Connection.open(ledger.settings)
        try await holder.script(
          "SET application_name = 'report'; BEGIN; \(sql); SELECT pg_sleep(2.1)"
        )
        // The turn is needed for nothing but claims; these fail with the lock, and not with the time.
        await #expect(throws: StoreError.self) { try await ledger.claim() }
        let row = try await person.query("SELECT * FROM codemint.waits").one()
        #expect(try row.text("reason") == "locked", "\(sql)")
        #expect(try row.text("why").hasPrefix("\(what) is locked by postgres, pid "), "\(sql)")
        #expect(try row.text("why").contains("report"), "\(sql)")
        try await person.script(try row.text("what_to_do"))
        _ = try await ledger.claim()
        #expect(
          try await person.query("SELECT reason FROM codemint.waits").one().text(0) != "locked"
        )
        await holder.close()
      }
    }
  }

  @Test(
    "a daemon whose claims fail needs a person, with the statement that ends the lock as long as there is one"
  )
  func claimsFail() async throws {
    try await Self.lend { ledger, person in
      try await ledger.bystander.script(
        "UPDATE codemint.workers SET claim_error = 'no', claim_failed_at = now()"
      )
      let needs: Statement = "SELECT why, what_to_do FROM codemint.needs_you WHERE kind = 'claims'"
      try await ledger.bystander.script("BEGIN; SELECT FROM codemint.account FOR SHARE")
      let locked = try await person.query(needs).one()
      #expect(try locked.text("why") == "its claims fail: no")
      #expect(try locked.text("what_to_do").hasPrefix("SELECT pg_terminate_backend("))
      try await ledger.bystander.script("ROLLBACK")
      let help = try await person.query(needs).one().text("what_to_do")
      #expect(help == "see its log, and codemint doctor")
    }
  }

  @Test("a claim that waits for a lock says so, and not that the database is slow")
  func claimSays() async throws {
    try await Self.lend { ledger, _ in
      try await ledger.bystander.script("BEGIN; SELECT FROM codemint.turns FOR UPDATE")
      do {
        _ = try await ledger.claim()
        Issue.record("claimed")
      } catch {
        #expect((error as? StoreError)?.cause == .locked)
      }
    }
  }

  @Test("a session that has a row and waits for another is not named, but who keeps it waiting")
  func root() async throws {
    try await Self.lend { ledger, person in
      let other = try await Connection.open(ledger.settings)
      try await ledger.bystander.script(
        "SET application_name = 'root'; BEGIN; SELECT FROM codemint.quotas FOR UPDATE; "
          + "LOCK TABLE codemint.quotas; SELECT pg_sleep(2.1)"
      )
      try await other.script(
        "SET application_name = 'between'; BEGIN; SELECT FROM codemint.jobs FOR UPDATE"
      )
      async let waiting = other.script("SELECT FROM codemint.quotas")
      try await Self.until(person, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted")
      let row = try await person.query("SELECT * FROM codemint.waits").one()
      #expect(try row.text("reason") == "locked")
      let why = try row.text("why")
      #expect(why.contains("root") && !why.contains("between"), "\(why)")
      try await ledger.bystander.script("ROLLBACK")
      _ = try await waiting
      await other.close()
    }
  }

  @Test("who refuses is recorded although the daemon may not use the schema of the trigger")
  func foreignSchema() async throws {
    try await Logins.lend { logins in
      try await logins.owner.script(
        """
        CREATE SCHEMA acme;
        CREATE FUNCTION acme.log_codes() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER log AFTER INSERT ON codemint.codes FOR EACH ROW EXECUTE FUNCTION acme.log_codes();
        """
      )
      let daemon = try await logins.login(.worker)
      try await daemon.script(
        """
        SELECT codemint.note_refusal(gen_random_uuid(), 1, gen_random_uuid(), 'P0001', 'no', 'acme.log_codes()', 'kept')
        """
      )
      let row = try await logins.owner.query(
        "SELECT r.raised_by, a.body FROM codemint.refused_settlements r JOIN codemint.answers a USING (call_id)"
      ).one()
      #expect(try row.text("raised_by") == "trigger log on codemint.codes")
    }
  }

  @Test("a session whose transaction has just ended is not named, nor one that has just closed")
  func ended() async throws {
    try await Self.lend { ledger, person in
      let other = try await Connection.open(ledger.settings)
      let pid = try await other.query("SELECT pg_backend_pid() AS pid").one().integer("pid")
      let holders: Statement =
        "SELECT FROM codemint.root_holders(ARRAY[$1::integer], '{}', '2 seconds')"
      #expect(try await ledger.bystander.query(holders, [.int4(Int32(pid))]).isEmpty)
      await other.close()
      try await Self.until(
        person,
        "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = \(pid))"
      )
      #expect(try await ledger.bystander.query(holders, [.int4(Int32(pid))]).isEmpty)
    }
  }

  @Test(
    "waits names who has a row by a savepoint, and the operator who paused another job of the reward"
  )
  func parts() async throws {
    for sql in [
      "SAVEPOINT s; SELECT FROM codemint.jobs FOR UPDATE; RELEASE s",
      "SELECT codemint.pause_job(2)",
      "SAVEPOINT s; SELECT codemint.pause_job(2); RELEASE s",
    ] {
      try await Self.lend { ledger, person in
        _ = try await ledger.claim()
        _ = try await ledger.insert(10, of: Scene.reward)
        try await ledger.bystander.script(
          "SET application_name = 'shop'; BEGIN; \(sql); SELECT pg_sleep(2.1)"
        )
        let row = try await person.query("SELECT * FROM codemint.waits WHERE job_id = 1").one()
        #expect(try row.text("reason") == "locked", "\(sql)")
        #expect(try row.text("why").contains("shop"), "\(sql)")
        try await ledger.bystander.script("ROLLBACK")
        let after = try await person.query("SELECT * FROM codemint.waits WHERE job_id = 1").one()
        #expect(try after.text("reason") != "locked", "\(sql)")
      }
    }
  }

  @Test("a prepared transaction has no session: the statement that ends it names the transaction")
  func prepared() async throws {
    for sql in [
      "SELECT FROM codemint.jobs FOR UPDATE; UPDATE codemint.jobs SET priority = 4",
      "UPDATE codemint.turns SET turn = turn",
      "LOCK TABLE codemint.rewards IN EXCLUSIVE MODE",
    ] {
      try await Self.lend { ledger, person in
        let name = try await person.query("SELECT current_database()").one().text(0)
        try await ledger.bystander.script("BEGIN; \(sql); PREPARE TRANSACTION '\(name)'")
        _ = try await person.query("SELECT pg_sleep(2.1)")
        let row = try await person.query("SELECT * FROM codemint.waits").one()
        #expect(try row.text("reason") == "locked", "\(sql)")
        #expect(try row.text("why").contains("the prepared transaction '\(name)'"), "\(sql)")
        #expect(
          try row.text("what_to_do") == "ROLLBACK PREPARED '\(name)'; -- or COMMIT PREPARED"
        )
        try await person.script(try row.text("what_to_do"))
        guard case .call = try await ledger.claim() else {
          Issue.record("not claimed: \(sql)")
          return
        }
      }
    }
  }

  @Test("a producer's transaction cannot be prepared, and leaves nothing behind")
  func producers() async throws {
    try await Self.lend { ledger, person in
      let error = await failure { () throws(PostgresError) in
        try await ledger.bystander.script(
          """
          BEGIN; INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 1);
          PREPARE TRANSACTION 'order'
          """
        )
      }
      #expect(error?.message.contains("NOTIFY") == true)
      #expect(try await person.query("SELECT FROM pg_prepared_xacts WHERE gid = 'order'").isEmpty)
      #expect(try await person.query("SELECT FROM codemint.jobs").count == 1)
      guard case .call = try await ledger.claim() else {
        Issue.record("not claimed")
        return
      }
    }
  }

  @Test("a worker shows that it lives while a table is locked, and is told of the lock")
  func alive() async throws {
    try await Self.lend { ledger, person in
      try await person.script("UPDATE codemint.workers SET expires_at = now() - interval '1 min'")
      try await ledger.bystander.script("BEGIN; LOCK TABLE codemint.jobs; SELECT pg_sleep(2.1)")
      // The first heartbeat waits as a whole; after that each shows that the worker lives before it waits.
      for _ in 1...2 {
        do {
          try await ledger.announce(Scene.fast)
          Issue.record("does not wait for the table")
        } catch {
          #expect((error as? StoreError)?.cause == .locked)
        }
      }
      let alive = "SELECT count(*)::integer FROM codemint.workers WHERE expires_at > now()"
      #expect(try await person.query(Statement(alive)).one().integer(0) == 1)
      // The view waits cannot be read now, so whoever asks why nothing is done is told by others.
      try await person.script("SELECT pg_sleep(2)")
      let words = try await person.query("SELECT codemint.standstill()").one().text(0)
      #expect(words.hasPrefix("the table jobs is locked by postgres, pid "))
    }
  }

  @Test("a cluster that is accepted in an open transaction: waits names who has to commit")
  func accepted() async throws {
    try await Self.lend { ledger, person in
      try await person.script(
        "UPDATE codemint.cluster_identity SET suspended_at = now(), suspended_reason = 'restored'"
      )
      try await ledger.bystander.script(
        "SET application_name = 'psql'; BEGIN; SELECT codemint.accept_cluster('mine')"
      )
      let row = try await person.query("SELECT * FROM codemint.waits").one()
      #expect(try row.text("reason") == "suspended")
      let why = try row.text("why")
      #expect(
        why.hasPrefix("restored; it was accepted in a transaction that is open: postgres, pid")
      )
      #expect(
        try row.text("what_to_do").hasPrefix("COMMIT in that session, or SELECT pg_terminate")
      )
      // Whoever accepts once more is told who was first.
      let error = await failure { () throws(PostgresError) in
        _ = try await person.query("SELECT codemint.accept_cluster('ours')")
      }
      #expect(error?.sqlState == "55P03" && error?.message.contains("psql") == true)
      try await ledger.bystander.script("COMMIT")
      #expect(
        try await person.query("SELECT reason FROM codemint.waits").one().text(0) == "listing"
      )
    }
  }

  @Test("what is deferred to COMMIT, and refuses one row, stops that job alone")
  func deferred() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      for reward in 1...3 { _ = try await ledger.insert(10, of: Samples.reward(reward)) }
      try await ledger.bystander.script(
        """
        CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF NEW.id = 1 AND NEW.state = 'running' OR NEW.id = 2 THEN
            RAISE EXCEPTION 'not this one';
          END IF;
          RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON codemint.jobs
          DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.refuse();
        """
      )
      var claimed: [JobID] = []
      for _ in 0..<4 {
        if case .call(let call) = try await ledger.claim() { claimed.append(call.call.job) }
      }
      #expect(claimed == [JobID(3)])
      let job = try await ledger.bystander.facts().job(JobID(1))
      #expect(job.state == .queued && job.errorCode == "unclaimable")
      #expect(job.errorMessage?.contains("not this one") == true)
      let why = "SELECT why FROM codemint.waits WHERE job_id = 2"
      #expect(
        try await ledger.bystander.query(Statement(why)).one().text(0).contains("not this one")
      )
    }
  }

  @Test("healing leaves alone what a deferred trigger refuses, and mends the rest")
  func deferredHealing() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      for reward in 1...2 { _ = try await ledger.insert(10, of: Samples.reward(reward)) }
      try await ledger.bystander.script(
        """
        UPDATE codemint.jobs SET is_new = false, queue_position = NULL, next_call_at = NULL;
        CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF NEW.id = 1 THEN RAISE EXCEPTION 'closed'; END IF; RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON codemint.jobs
          DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.refuse();
        UPDATE codemint.healing SET checked_at = NULL;
        """
      )
      #expect(try await ledger.heartbeat().mended == ["job 2 had no place in the queue"])
    }
  }

  @Test(
    "a job that is due and whose row is refused keeps no other from the queue, and no heartbeat"
  )
  func due() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      for reward in 1...2 { _ = try await ledger.insert(10, of: Samples.reward(reward)) }
      try await ledger.bystander.script(
        """
        TRUNCATE codemint.pending_placements;
        UPDATE codemint.jobs SET is_new = false, queue_position = NULL, next_call_at = now();
        CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF NEW.id = 1 THEN RAISE EXCEPTION 'closed'; END IF; RETURN NEW; END $$;
        CREATE TRIGGER refuse BEFORE UPDATE ON codemint.jobs
          FOR EACH ROW EXECUTE FUNCTION public.refuse();
        """
      )
      _ = try await ledger.heartbeat()
      guard case .call(let call) = try await ledger.claim() else {
        Issue.record("not placed")
        return
      }
      #expect(call.call.job == JobID(2))
    }
  }

  /// A ledger with one job that could be claimed, and a person beside it.
  static func lend(_ body: (RealLedger, Connection) async throws -> Void) async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(10, of: Scene.reward)
      let person = try await Connection.open(ledger.settings)
      try await body(ledger, person)
      await person.close()
    }
  }

  private static func until(_ person: Connection, _ question: String) async throws {
    for _ in 0..<200 {
      if try await person.query(Statement(question)).one().bool(0) { return }
      _ = try await person.query("SELECT pg_sleep(0.05)")
    }
    Issue.record("never: \(question)")
  }
}
