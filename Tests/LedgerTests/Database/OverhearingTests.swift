import Ledger
import Postgres
import Testing

/// An operator decides about codes and never sees one, whatever the session of the operator shows of
/// the statements that the functions run.
@Suite("overhearing")
struct OverhearingTests {
  static let call = "00000000-0000-4000-8000-0000000000c1"
  static let reward = "00000000-0000-4000-8000-000000000001"

  /// A held call for which three codes were set aside, and a failed job with two codes of surplus that a
  /// shop refuses with words that quote another code. A status, and another system's name and word, do too.
  static let scenery = """
    INSERT INTO codemint.rewards (reward_id) VALUES ('\(reward)');
    INSERT INTO codemint.jobs (reward_id, count, prefix) VALUES ('\(reward)', 10, 'SU');
    UPDATE codemint.jobs
    SET state = 'running', started_at = now(), outstanding = 10, held = true, is_new = false,
        queue_position = NULL, next_call_at = NULL, error_code = 'number_unexplained';
    INSERT INTO codemint.calls
      (id, job_id, reward_id, prefix, size, state, outstanding, worker, lease, api_timeout, listing_gap,
       effective_until, held_at, hold_reason, held_with)
    SELECT '\(call)', j.id, j.reward_id, j.prefix, 10, 'in_doubt', 10, gen_random_uuid(), '1 min', '1 min',
           '10 s', now(), now(), 'number_unexplained', '\(call)' FROM codemint.jobs j;
    INSERT INTO codemint.unattributed_codes
      (id, call_id, reward_id, code, status, sync_status, external_ids)
    SELECT gen_random_uuid(), '\(call)', '\(reward)', 'SUQZWX' || n, 'SUQZWX', 'pending',
           '{"shopify": {"syncStatus": "pending"}}'
    FROM generate_series(1, 3) n;
    INSERT INTO codemint.raw_codes (id, reward_id, call_id, code, status, external_ids)
    VALUES (gen_random_uuid(), '\(reward)', '\(call)', 'SUQZWX', '', '');
    INSERT INTO codemint.answers (call_id, body) VALUES ('\(call)', 'SUQZWX');
    INSERT INTO codemint.jobs
      (reward_id, count, prefix, state, issued, surplus, started_at, finished_at, error_code)
    VALUES (gen_random_uuid(), 10, 'SU', 'failed', 1, 2, now(), now(), 'x');
    INSERT INTO codemint.codes
      (id, job_id, call_id, reward_id, code, status, sync_status, external_ids, surplus)
    SELECT gen_random_uuid(), j.id, gen_random_uuid(), j.reward_id, 'SUQZWX' || n, 'SUQZWX', 'error',
           '{"shopify": {"syncStatus": "error", "error": "SUQZWX is taken"}, "SUQZWX": {"syncStatus": "SUQZWX"}}',
           n > 1
    FROM codemint.jobs j, generate_series(1, 3) n WHERE j.state = 'failed';
    INSERT INTO codemint.tracked_rewards (reward_id, given_up_at)
    SELECT reward_id, now() FROM codemint.jobs WHERE state = 'failed';
    ANALYZE;
    """

  /// All that an operator may call and that touches codes. Each is taken back, so that the next setting
  /// finds the same.
  private static let functions = [
    "codemint.resolve_call('\(call)', 'adopt', 'x')",
    "codemint.resolve_call('\(call)', 'absent', 'x')",
    "codemint.retry_job(2, 'x')", "codemint.purge_job(2, 'x')",
    "codemint.explain_doubt('\(call)')",
    "codemint.track_sync((SELECT reward_id FROM codemint.jobs WHERE id = 2))",
  ].map { "BEGIN; SELECT \($0); ROLLBACK;" }.joined(separator: "\n")

  private static let loud = """
    SET client_min_messages = debug5; SET debug_print_plan = on; SET debug_print_parse = on;
    SET debug_print_rewritten = on; SET debug_pretty_print = off; SET plan_cache_mode = force_custom_plan;

    """

  @Test("no plan, parse tree or message of what an operator's functions run reaches the operator")
  func plans() async throws {
    try await Logins.lend { logins in
      try await logins.owner.script(Self.scenery)
      let heard = try await logins.psql(.operator, Self.loud + Self.functions)
      #expect(heard.contains("is adopted; job 1 is running with 3 of 10 codes"))
      #expect(!shows(heard))
      // The plan of the statement itself is shown, and names the function alone.
      #expect(heard.contains("PLANNEDSTMT") && !heard.contains("listed_codes"))
    }
  }

  @Test("nor does one with auto_explain, which whoever runs the server has loaded for everybody")
  func autoExplain() async throws {
    try await Logins.lend { logins in
      try await logins.owner.script(
        Self.scenery + """
          DO $$ BEGIN
            EXECUTE format('ALTER DATABASE %I SET session_preload_libraries = auto_explain',
                           current_database());
            EXECUTE format('ALTER DATABASE %I SET auto_explain.log_min_duration = 0', current_database());
            EXECUTE format('ALTER DATABASE %I SET auto_explain.log_nested_statements = on',
                           current_database());
          END $$;
          """
      )
      let heard = try await logins.psql(.operator, Self.loud + Self.functions)
      #expect(heard.contains("Query Text: SELECT codemint.resolve_call"))
      #expect(!shows(heard) && !heard.contains("listed_codes"))
    }
  }

  @Test("no setting that a login may set shows a code, at any of its values")
  func settings() async throws {
    try await Logins.lend { logins in
      try await logins.owner.script(Self.scenery)
      let settings = try await logins.owner.query(
        """
        SELECT format('SET %I = %L;', s.name, v.value) AS set, format('RESET %I;', s.name) AS reset
        FROM pg_settings s
        CROSS JOIN LATERAL (
          SELECT unnest(s.enumvals) AS value WHERE s.vartype = 'enum'
          UNION ALL SELECT unnest(ARRAY['on', 'off']) WHERE s.vartype = 'bool'
          UNION ALL SELECT unnest(ARRAY[s.min_val, s.max_val]) WHERE s.vartype IN ('integer', 'real')
        ) v
        WHERE s.context = 'user' AND s.name <> 'exit_on_error'
        UNION ALL
        -- Each text for all that take a text; who does not take it has its own as before.
        SELECT string_agg(format('SET %I = %L;', s.name, v), E'\n'), string_agg(format('RESET %I;', s.name), E'\n')
        FROM pg_settings s, unnest(ARRAY['', 'C', 'all', 'UTC', 'SQL_ASCII', 'codemint_operator', 'codemint, pg_temp',
                                         'auto_explain']) v
        WHERE s.context = 'user' AND s.vartype = 'string'
        GROUP BY v
        """
      )
      let sets = try settings.map { try $0.text("set") }
      #expect(sets.count > 200)
      #expect(sets.contains { $0.contains("SET search_path = 'codemint, pg_temp';") })
      var script = Self.loud
      for setting in settings {
        script +=
          try setting.text("set") + "\n" + Self.functions + "\n" + setting.text("reset") + "\n"
          + Self.loud
      }
      let heard = try await logins.psql(.operator, script + "SELECT 'to the ' || 'end';\n")
      #expect(heard.contains("to the end"))
      #expect(!shows(heard) && !heard.contains("listed_codes"))
    }
  }

  @Test("nor does one that a connection begins with, also of those that can be set only then")
  func connectionSettings() async throws {
    try await Logins.lend { logins in
      try await logins.owner.script(Self.scenery)
      let settings = try await logins.owner.query(
        """
        SELECT format('-c %s=%s', s.name, v.value) AS option
        FROM pg_settings s
        CROSS JOIN LATERAL (SELECT unnest(CASE s.vartype WHEN 'bool' THEN ARRAY['on', 'off']
                                                         ELSE ARRAY[s.boot_val] END) AS value) v
        WHERE s.context = 'backend'
        """
      ).map { try $0.text("option") }
      #expect(settings.contains("-c ignore_system_indexes=on"))
      let loud = """
        -c client_min_messages=debug5 -c debug_print_plan=on -c debug_print_parse=on -c debug_print_rewritten=on \
        -c plan_cache_mode=force_custom_plan
        """
      for setting in settings + ["-c local_preload_libraries="] {
        let heard = try await logins.psql(
          .operator,
          Self.functions,
          options: "\(loud) \(setting)"
        )
        #expect(heard.contains("is adopted; job 1 is running with 3 of 10 codes"), "\(setting)")
        #expect(heard.contains("PLANNEDSTMT"), "\(setting)")
        #expect(!shows(heard) && !heard.contains("listed_codes"), "\(setting)")
      }
    }
  }

  @Test("neither the status page nor the page of a job shows a code, whatever other systems say")
  func pages() async throws {
    try await Logins.lend { logins in
      try await logins.owner.script(Self.scenery)
      let daemon = try await logins.login(.worker)
      let name = try await daemon.query("SELECT session_user::text").one().text(0)
      let pool = Pool(try await logins.owner.settings(as: name), limit: 1)
      let queries = OverviewQueries(pool: pool)
      #expect(try await !shows(queries.page().json))
      let jobs = [try await queries.explain(1), try await queries.explain(2)].compactMap(\.self)
      #expect(jobs.count == 2 && !shows(jobs.joined()))
      #expect(jobs[1].contains(#""system": "other""#))
      await pool.close()
    }
  }

  @Test("no view of the operators shows a code, nor a plan or the statistics behind one")
  func views() async throws {
    try await Logins.lend { logins in
      try await logins.owner.script(Self.scenery)
      let views = try await logins.owner.query(
        """
        SELECT format('SELECT * FROM %1$s; EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM %1$s;',
                      c.oid::regclass) AS reads
        FROM pg_class c WHERE c.relnamespace = 'codemint'::regnamespace AND c.relkind = 'v'
        """
      ).map { try $0.text("reads") }
      #expect(views.count > 7)
      let heard = try await logins.psql(
        .operator,
        Self.loud + views.joined(separator: "\n")
          + "SELECT * FROM pg_stats WHERE schemaname = 'codemint'; SELECT * FROM pg_stat_activity;"
      )
      #expect(heard.contains("sync_problems"))
      #expect(!shows(heard))
    }
  }

  @Test("a row that the database refuses is refused without its values")
  func refusedRow() async throws {
    try await Logins.lend { logins in
      try await logins.owner.script(
        Self.scenery + """
          ALTER TABLE codemint.codes ADD CONSTRAINT theirs CHECK (surplus OR code LIKE '%X9') NOT VALID;
          ALTER TABLE codemint.codes ADD CONSTRAINT kept CHECK (purged_at IS NULL) NOT VALID;
          """
      )
      let heard = try await logins.psql(.operator, Self.loud + Self.functions)
      for name in ["theirs", "kept"] {
        #expect(heard.contains("violates check constraint \"\(name)\""), "\(heard.suffix(2000))")
      }
      #expect(!shows(heard))
    }
  }

  /// Whether a text has a code in it: as text, as the decimal bytes of a plan's constant, or in hex.
  private func shows(_ text: String) -> Bool {
    let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    return ["SUQZWX", "83 85 81 90 87 88", "535551"].contains { words.contains($0) }
  }
}
