import Ledger
import Postgres
import Testing

/// Attempts of each role, by a login of its own, at what is the daemon's alone.
@Suite("nobody but the daemon writes")
struct WritingTests {
  /// Denied, a view that cannot be written through by anybody, or a number that the database gives itself.
  private static let refusals: Set<String> = ["42501", "55000", "428C9"]

  @Test(
    "no table and no view can be written by hand, whichever it is",
    arguments: [Role.producer, .operator, .reader, nil]
  )
  func byHand(role: Role?) async throws {
    try await Logins.lend { logins in
      let relations = try await logins.owner.query(
        """
        SELECT c.relname::text AS name, c.relkind = 'r' AS is_table,
               quote_ident(a.attname) AS first
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = 1
        WHERE c.relnamespace = 'codemint'::regnamespace AND c.relkind IN ('r', 'v')
        ORDER BY 1
        """
      )
      #expect(relations.count > 20)
      let login = try await logins.login(role)
      for relation in relations {
        let name = try relation.text("name")
        var attempts = [
          "UPDATE codemint.\(name) SET \(try relation.text("first")) = DEFAULT",
          "DELETE FROM codemint.\(name)",
        ]
        if try relation.bool("is_table") { attempts.append("TRUNCATE codemint.\(name)") }
        // What a producer may insert, and what not, is tried column by column elsewhere.
        if role != .producer || name != "jobs" {
          attempts.append("INSERT INTO codemint.\(name) DEFAULT VALUES")
        }
        for attempt in attempts {
          let state = await login.refusal(of: Statement(attempt))
          #expect(Self.refusals.contains(state ?? "done"), "\(attempt)")
        }
      }
    }
  }

  @Test("the daemon's functions and an operator's are closed to everybody else")
  func functions() async throws {
    try await Logins.lend { logins in
      // Of a producer these refuse the jobs of others (ProducerSteeringTests).
      let producers: [Statement] = [
        "SELECT codemint.cancel_job(1)", "SELECT codemint.pause_job(1)",
        "SELECT codemint.resume_job(1)",
      ]
      let steering: [Statement] = [
        "SELECT codemint.retry_job(1)", "SELECT codemint.set_quota('postgres')",
        "SELECT codemint.purge_job(1)", "SELECT codemint.set_priority(1, 0)",
        "SELECT codemint.set_limits(1000)", "SELECT codemint.accept_cluster('mine')",
        "SELECT codemint.track_sync(gen_random_uuid())",
        "SELECT codemint.resolve_call(gen_random_uuid(), 'adopt', 'mine')",
      ]
      let daemons: [Statement] = [
        "SELECT codemint.reserve_slot()",
        "SELECT codemint.prune_calls('0', 1000000, (SELECT checksum FROM codemint.installed_code))",
        "SELECT codemint.declare_absent(gen_random_uuid())",
        "SELECT codemint.place_due_jobs()", "SELECT codemint.expire_leases()",
        "SELECT codemint.retire_worker(gen_random_uuid())",
        "SELECT codemint.record_probe(true, NULL, NULL)",
      ]
      for role in [Role.producer, .operator, .reader] {
        let login = try await logins.login(role)
        let closed = role == .operator ? [] : role == .reader ? steering + producers : steering
        for statement in daemons + closed {
          #expect(
            await login.refusal(of: statement) == "42501",
            "\(role): \(statement.sql)"
          )
        }
      }
    }
  }

  @Test("a note is bounded, since pages and views show it; where it is needed, blanks are none")
  func notes() async throws {
    try await Logins.lend { logins in
      let person = try await logins.login(.operator)
      try await logins.owner.script(
        """
        INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 10);
        INSERT INTO codemint.calls
          (id, job_id, reward_id, size, state, outstanding, worker, lease, api_timeout, listing_gap,
           effective_until, held_at)
          SELECT gen_random_uuid(), id, reward_id, 10, 'in_doubt', 10, gen_random_uuid(), '1 min',
                 '1 min', '10 s', now(), now()
          FROM codemint.jobs
        """
      )
      for statement: Statement in [
        "SELECT codemint.cancel_job(1, repeat('x', 2001))",
        "SELECT codemint.accept_cluster(repeat('x', 2001))",
        "SELECT codemint.resolve_call(id, 'absent', repeat('x', 2001)) FROM codemint.calls",
        "SELECT codemint.set_quota(session_user::text, 1, 1, repeat('x', 2001))",
      ] {
        #expect(await person.refusal(of: statement) == "23514", "\(statement.sql)")
      }
      for statement: Statement in [
        "SELECT codemint.accept_cluster(E' \\n\\t')",
        "SELECT codemint.resolve_call(id, 'absent', E'\\n') FROM codemint.calls",
      ] {
        #expect(await person.refusal(of: statement) == "22023", "\(statement.sql)")
      }
      _ = try await person.query("SELECT codemint.cancel_job(1, repeat('x', 2000))")
    }
  }

  @Test("a producer that is clever with a function of its own sees no other producer's job")
  func leak() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let other = try await logins.login(.producer)
      let insert: Statement = """
        INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 10) RETURNING id
        """
      _ = try await other.query(insert)
      let own = try await shop.query(insert).one().int64("id")
      // Cheaper than anything, so that a planner that may choose would ask it first.
      try await shop.script(
        """
        CREATE FUNCTION pg_temp.spy(bigint) RETURNS boolean LANGUAGE plpgsql COST 0.000001 AS $$
        BEGIN
          IF $1 <> \(own) THEN RAISE EXCEPTION 'seen: %', $1; END IF;
          RETURN true;
        END $$
        """
      )
      for relation in ["jobs", "my_jobs"] {
        let seen = try await shop.query(
          Statement("SELECT id FROM codemint.\(relation) WHERE pg_temp.spy(id)")
        )
        #expect(try seen.map { try $0.int64("id") } == [own])
      }
    }
  }

  @Test("an operator gets at the value of a code in no way that Postgres has")
  func values() async throws {
    try await Logins.lend { logins in
      let person = try await logins.login(.operator)
      for statement: Statement in [
        "SELECT to_jsonb(c) FROM codemint.codes c", "SELECT code FROM codemint.codes",
        "SELECT max(code) FROM codemint.codes", "SELECT id FROM codemint.codes WHERE code > ''",
        "SELECT id FROM codemint.codes ORDER BY code", "SELECT code FROM codemint.raw_codes",
        "SELECT length(body) FROM codemint.answers", "SELECT s FROM codemint.unattributed_codes s",
        "SELECT 1 FROM codemint.codes a JOIN codemint.unattributed_codes b USING (code)",
        "CREATE VIEW pg_temp.v AS SELECT code FROM codemint.codes; SELECT * FROM pg_temp.v",
        "SELECT codemint.unattributed_for(c) FROM codemint.calls c",
      ] {
        let error = await failure { () throws(PostgresError) in
          try await person.script(statement.sql)
        }
        #expect(error?.sqlState == "42501", "\(statement.sql)")
      }
      let statistics = try await person.query(
        "SELECT FROM pg_stats WHERE schemaname = 'codemint' AND attname = 'code'"
      )
      #expect(statistics.isEmpty)
    }
  }
}
