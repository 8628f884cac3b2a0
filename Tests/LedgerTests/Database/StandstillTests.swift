import Ledger
import MemoryStore
import Postgres
import Provisioning
import TestSupport
import Testing

/// What other sessions do to the ledger's rows stops what they touch, and nothing else.
@Suite("nothing stands still")
struct StandstillTests {
  /// How somebody may have locked job 1, and whether its own reward goes on all the same.
  private static let locks: [(sql: String, goesOn: Bool)] = [
    ("SELECT FROM codemint.jobs WHERE id = 1 FOR KEY SHARE", true),
    ("SELECT FROM codemint.jobs WHERE id = 1 FOR SHARE", false),
    ("SELECT FROM codemint.jobs WHERE id = 1 FOR UPDATE", false),
    ("SELECT codemint.pause_job(1)", false),
    ("SELECT codemint.set_priority(1, 3)", false),
    ("SELECT codemint.cancel_job(1)", false),
  ]

  @Test("rule 2: a job that somebody has locked is passed over, and the others are claimed")
  func passedOver() async throws {
    for (sql, goesOn) in Self.locks {
      try await RealLedger.lend { ledger in
        try await ledger.announce(Scene.fast)
        _ = try await ledger.insert(10, of: Samples.reward(1))
        _ = try await ledger.insert(10, of: Samples.reward(1))
        _ = try await ledger.insert(10, of: Samples.reward(2))
        try await ledger.bystander.script("BEGIN; \(sql)")
        var claimed: Set<Int64> = []
        while case .call(let call) = try await ledger.claim() {
          claimed.insert(call.call.job.number)
        }
        #expect(claimed.isSuperset(of: goesOn ? [1, 2, 3] : [2, 3]), "\(sql)")
        #expect(claimed.contains(1) == goesOn, "\(sql)")
        guard !goesOn else { return }
        guard case .nothing(let wait?, _) = try await ledger.claim() else {
          Issue.record("does not ask again: \(sql)")
          return
        }
        #expect(wait <= .milliseconds(50), "\(sql)")
        try await ledger.bystander.script("ROLLBACK")
        _ = try await ledger.bystander.query("SELECT pg_sleep(0.06)")
        guard case .call(let call) = try await ledger.claim() else {
          Issue.record("forgotten: \(sql)")
          return
        }
        #expect(call.call.job.number == 1)
      }
    }
  }

  @Test("rule 2: hundreds of rewards that one transaction has locked keep no claim from the others")
  func hundreds() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.jobs (reward_id, count, priority)
          SELECT gen_random_uuid(), 1000, 3 FROM generate_series(1, 600);
        INSERT INTO codemint.rewards (reward_id) SELECT reward_id FROM codemint.jobs;
        SELECT count(codemint.refresh_queue(reward_id)) FROM codemint.rewards;
        INSERT INTO codemint.jobs (reward_id, count) VALUES ('\(Scene.reward)', 1000);
        SELECT codemint.lock_reward('\(Scene.reward)');
        SELECT codemint.refresh_queue('\(Scene.reward)');
        INSERT INTO codemint.jobs (reward_id, count) VALUES ('\(Scene.otherReward)', 1000);
        ANALYZE codemint.rewards;
        """
      )
      try await ledger.bystander.script(
        "BEGIN; SELECT count(codemint.pause_job(id)) FROM codemint.jobs WHERE priority = 3"
      )
      for _ in 1...2 {
        guard case .call(let call) = try await ledger.claim() else {
          Issue.record("nothing is claimed")
          return
        }
        #expect([Scene.reward, Scene.otherReward].contains(call.call.reward))
      }
      try await ledger.bystander.script("ROLLBACK")
    }
  }

  @Test("rule 2: a reward that somebody has locked or is making is passed over")
  func rewardPassedOver() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(1000, of: Samples.reward(1))
      _ = try await ledger.claim()
      _ = try await ledger.insert(10, of: Samples.reward(2))
      _ = try await ledger.insert(10, of: Samples.reward(3))
      try await ledger.bystander.script(
        """
        BEGIN; SELECT FROM codemint.rewards FOR UPDATE;
        SELECT codemint.lock_reward('\(Samples.reward(2))');
        """
      )
      guard case .call(let call) = try await ledger.claim() else {
        Issue.record("no other reward is claimed")
        return
      }
      #expect(call.call.reward == Samples.reward(3))
      guard case .nothing(let wait?, _) = try await ledger.claim() else {
        Issue.record("does not ask again")
        return
      }
      #expect(wait <= .milliseconds(50))
      // Nor by a session that would wait for ever.
      let other = try await Connection.open(ledger.settings)
      let made = try await other.query(
        Statement("SELECT reward_id IS NOT NULL FROM codemint.try_reward('\(Samples.reward(2))')"),
        deadline: .seconds(20)
      )
      #expect(try !made.one().bool(0))
      await other.close()
      try await ledger.bystander.script("ROLLBACK")
    }
  }

  @Test("rule 2: what an operator does in an open transaction keeps no claim waiting")
  func operators() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      for reward in 1...3 { _ = try await ledger.insert(10, of: Samples.reward(reward)) }
      try await ledger.bystander.script(
        "BEGIN; SELECT codemint.set_limits(5); SELECT codemint.pause_job(1)"
      )
      guard case .call = try await ledger.claim(), case .call = try await ledger.claim() else {
        Issue.record("waits for an operator")
        return
      }
      try await ledger.announce(Scene.fast)
      try await ledger.bystander.script("COMMIT")
      try await ledger.announce(Scene.fast)
      #expect(try await ledger.bystander.facts().account.limits?.requestsPerSecond == 5)
      #expect(try await ledger.bystander.facts().job(JobID(1)).paused)
      try await ledger.bystander.script(
        "SELECT codemint.resume_job(1); SELECT codemint.set_limits()"
      )
      try await ledger.announce(Scene.fast)
      guard case .call(let call) = try await ledger.claim() else {
        Issue.record("not claimed after it was resumed")
        return
      }
      #expect(call.call.job == JobID(1))
    }
  }

  @Test("an operator is told who has locked the job, and the transaction is not kept waiting")
  func toldWho() async throws {
    try await RealLedger.lend { ledger in
      _ = try await ledger.insert(10, of: Scene.reward)
      try await ledger.bystander.script(
        "SET application_name = 'shop'; BEGIN; SELECT FROM codemint.jobs FOR SHARE"
      )
      let other = try await Connection.open(ledger.settings)
      let error = await failure { () throws(PostgresError) in
        _ = try await other.query("SELECT codemint.cancel_job(1)")
      }
      #expect(error?.sqlState == "55P03")
      #expect(error?.message.hasPrefix("job 1 is locked by postgres, pid ") == true)
      #expect(error?.message.contains("shop") == true)
      await other.close()
    }
  }

  @Test("waits names who keeps a job's row, since when, and from where")
  func waitsNames() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(10, of: Scene.reward)
      _ = try await ledger.insert(10, of: Scene.otherReward)
      try await ledger.bystander.script(
        """
        SET application_name = 'shop'; BEGIN; SELECT FROM codemint.jobs WHERE id = 1 FOR SHARE;
        SELECT FROM codemint.jobs WHERE id = 2 FOR KEY SHARE; SELECT pg_sleep(2.1)
        """
      )
      let other = try await Connection.open(ledger.settings)
      let rows = try await other.query(
        "SELECT reason, why, since IS NOT NULL AS dated FROM codemint.waits ORDER BY job_id"
      )
      #expect(try rows[0].text("reason") == "locked")
      let why = try rows[0].text("why")
      #expect(why.hasPrefix("the row of the job is locked by postgres, pid "))
      #expect(try why.contains("shop, since") && rows[0].bool("dated"))
      // A row of another table that refers to the job is no reason.
      #expect(try rows[1].text("reason") == "turn")
      await other.close()
    }
  }

  @Test("waits does not guess: with nothing claimed for a while it says what is known")
  func unknown() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(10, of: Scene.reward)
      try await ledger.bystander.script(
        """
        UPDATE codemint.jobs SET next_call_at = now() - interval '1 min',
          updated_at = now() - interval '1 min';
        UPDATE codemint.workers SET claim_error = 'no disk', claim_failed_at = now();
        """
      )
      let row = try await ledger.bystander.query("SELECT * FROM codemint.waits").one()
      #expect(try row.text("reason") == "unknown")
      let why = try row.text("why")
      #expect(
        why.hasPrefix("codemint cannot tell; no call was ever claimed; claims of the daemon on")
      )
      #expect(why.hasSuffix(": no disk"))
    }
  }

  @Test("a publication of all tables stops nothing, and a subscriber gets every row")
  func published() async throws {
    try await RealLedger.lend { ledger in
      let publisher = try await ledger.bystander.query("SELECT current_database()").one().text(0)
      try await TestServer.lend(.migrated) { copy in
        let subscriber = try await Connection.open(copy)
        try await ledger.bystander.script("CREATE PUBLICATION everything FOR ALL TABLES")
        // It waits for every transaction that runs on the server, those of other tests too.
        _ = try await ledger.bystander.query(
          Statement("SELECT pg_create_logical_replication_slot('\(publisher)', 'pgoutput')"),
          deadline: .seconds(300)
        )
        try await subscriber.script(
          """
          TRUNCATE codemint.account, codemint.api_clock, codemint.cluster_identity,
            codemint.retention_progress, codemint.operator_limits, codemint.healing,
            codemint.turns, codemint.migrations, codemint.installed_code
          """,
          deadline: .seconds(300)
        )
        try await subscriber.script(
          """
          CREATE SUBSCRIPTION everything CONNECTION
            '\(try await ledger.bystander.keywords(of: publisher))'
            PUBLICATION everything
            WITH (create_slot = false, slot_name = '\(publisher)')
          """,
          deadline: .seconds(300)
        )
        try await ledger.announce(Scene.fast)
        _ = try await ledger.insert(10, of: Scene.reward)
        guard case .call = try await ledger.claim() else {
          Issue.record("a publication stops the queue")
          return
        }
        // Of every table, however little: a copy that begins while the subscription is dropped waits for that
        // transaction, which waits for the copy's slot.
        var copied = 0
        for _ in 0..<6000 where copied == 0 {
          copied = try await subscriber.query(
            """
            SELECT count(*)::integer AS copied
            FROM codemint.calls c JOIN codemint.jobs j ON j.id = c.job_id AND j.state = 'running',
                 codemint.account a
            WHERE a.in_flight = 1 AND NOT EXISTS (SELECT FROM codemint.pending_placements)
              AND NOT EXISTS (SELECT FROM pg_subscription_rel r WHERE r.srsubstate <> 'r')
            """
          ).one().integer("copied")
          if copied == 0 { _ = try await subscriber.query("SELECT pg_sleep(0.05)") }
        }
        #expect(copied == 1)
        try await subscriber.script(
          """
          ALTER SUBSCRIPTION everything DISABLE;
          ALTER SUBSCRIPTION everything SET (slot_name = NONE);
          """,
          deadline: .seconds(300)
        )
        try await subscriber.script("DROP SUBSCRIPTION everything", deadline: .seconds(300))
        await subscriber.close()
      }
      for _ in 0..<200 {
        let idle = try await ledger.bystander.query(
          "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active"
        )
        if !idle.isEmpty { break }
        _ = try await ledger.bystander.query("SELECT pg_sleep(0.05)")
      }
    }
  }

  @Test("a database that is not UTF8 is refused, before anything is made in it")
  func otherEncoding() async throws {
    try await TestServer.lend(.empty) { settings in
      let person = try await Connection.open(settings)
      let name = try await person.query("SELECT current_database() || '_ascii'").one().text(0)
      try await person.script(
        """
        CREATE DATABASE \(name) ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'
        """
      )
      let other = try await Connection.open(await person.settings(as: "postgres", in: name))
      do {
        _ = try await Migrator(other).migrate()
        Issue.record("migrated")
      } catch {
        #expect((error as? LedgerError)?.description.contains("SQL_ASCII") == true)
      }
      #expect(
        try await other.query("SELECT FROM pg_namespace WHERE nspname = 'codemint'").isEmpty
      )
      await other.close()
      try await person.script("DROP DATABASE \(name)")
      await person.close()
    }
  }

  @Test("every table has a primary key")
  func keys() async throws {
    try await RealLedger.lend { ledger in
      let rows = try await ledger.bystander.query(
        """
        SELECT c.relname FROM pg_class c
        WHERE c.relnamespace = 'codemint'::regnamespace AND c.relkind = 'r'
          AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
        """
      )
      #expect(rows.isEmpty)
    }
  }
}

extension RealLedger {
  /// Asks for a call, with a new id.
  func claim() async throws -> Claim {
    let id = try await bystander.query("SELECT gen_random_uuid()").one().uuid(0)
    return try await store.claim(
      ClaimRequest(
        call: CallID(UniqueID(bits: id)),
        worker: Samples.worker(1),
        lengths: Samples.lengths(lease: .seconds(60))
      )
    )
  }
}

extension Connection {
  /// How another server would connect to this one, in keywords and values.
  fileprivate nonisolated func keywords(of database: String) async throws -> String {
    try await query(
      Statement(
        """
        SELECT format('host=%s port=%s user=%s dbname=%s',
                      current_setting('unix_socket_directories'), current_setting('port'),
                      current_user, '\(database)') AS keywords
        """
      )
    ).one().text("keywords")
  }
}
