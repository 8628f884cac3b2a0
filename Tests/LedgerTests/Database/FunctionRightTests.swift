import Ledger
import Postgres
import Testing

/// Who may call which function, and with whose rights it runs.
@Suite("rights of functions")
struct FunctionRightTests {
  @Test("nobody can hang a trigger's function on a table of their own", arguments: Role.allCases)
  func triggers(role: Role) async throws {
    try await Logins.lend { logins in
      let login = try await logins.login(role)
      try await login.script("CREATE TEMPORARY TABLE mine (id bigint)")
      let functions = try await logins.owner.query(
        """
        SELECT p.proname::text AS name FROM pg_proc p
        WHERE p.pronamespace = 'codemint'::regnamespace AND p.prorettype = 'trigger'::regtype
        """
      )
      #expect(functions.count > 3)
      for function in functions {
        let trigger = Statement(
          """
          CREATE TRIGGER mine AFTER INSERT ON mine REFERENCING NEW TABLE AS inserted
          FOR EACH STATEMENT EXECUTE FUNCTION codemint.\(try function.text("name"))()
          """
        )
        #expect(await login.refusal(of: trigger) == Logins.denied, "\(trigger.sql)")
      }
    }
  }

  @Test("every function is closed to PUBLIC, and those with their owner's rights are known")
  func functions() async throws {
    try await Logins.lend { logins in
      let open = try await logins.owner.query(
        """
        SELECT p.proname::text AS name FROM pg_proc p
        WHERE p.pronamespace = 'codemint'::regnamespace
          AND (p.proacl IS NULL
               OR EXISTS (SELECT FROM aclexplode(p.proacl) AS a WHERE a.grantee = 0))
        """
      )
      #expect(try open.map { try $0.text("name") } == [])
      let steering = try await logins.owner.query(
        """
        SELECT DISTINCT p.proname::text AS name FROM pg_proc p
        WHERE p.pronamespace = 'codemint'::regnamespace AND p.prosecdef
          AND p.prorettype <> 'trigger'::regtype
        ORDER BY 1
        """
      )
      #expect(try steering.map { try $0.text("name") } == Self.operatorsFunctions)
    }
  }

  @Test("a function pins its search_path, unless only such functions call it")
  func searchPaths() async throws {
    try await Logins.lend { logins in
      let inheriting = try await logins.owner.query(
        """
        SELECT DISTINCT p.proname::text AS name,
               p.prosecdef OR p.prorettype = 'trigger'::regtype
                 OR EXISTS (SELECT FROM pg_depend d
                            WHERE d.refobjid = p.oid AND d.refclassid = 'pg_proc'::regclass
                              AND d.classid = 'pg_rewrite'::regclass)
                 OR NOT EXISTS (SELECT FROM pg_proc c
                                WHERE c.pronamespace = p.pronamespace AND c.oid <> p.oid
                                  AND c.prosrc LIKE '%codemint.' || p.proname || '(%') AS is_outer
        FROM pg_proc p
        WHERE p.pronamespace = 'codemint'::regnamespace
          AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS c WHERE c LIKE 'search\\_path=%')
        ORDER BY 1
        """
      )
      #expect(try inheriting.filter { try $0.bool("is_outer") }.map { try $0.text("name") } == [])
      #expect(try inheriting.map { try $0.text("name") } == Self.innerFunctions)
    }
  }

  /// What runs for every call of the API, and is called by nobody from outside.
  private static let innerFunctions = [
    "accept_by_answer", "account_failed", "account_proven", "account_throttled", "api_question",
    "apply_account_effect", "apply_effects", "apply_reward_effect", "as_planned", "backoff",
    "backoff_ceiling", "begin_api", "check_now", "choose_candidate", "clock_drift",
    "close_or_reopen",
    "code_row", "conclude_job", "count_for_day", "count_for_producer", "day_of", "end_call",
    "fails_alone", "hasten_held_watches", "insert_call", "is_at_home", "is_newer", "is_news",
    "is_sync_final", "least_pace", "lock_reward", "make_call", "make_reward", "makes_no_progress",
    "may_hold_others", "may_send", "may_take", "microseconds", "name_resolution",
    "next_candidate", "next_slot", "next_turn", "place_job", "prefix_facts", "prefix_subject",
    "producer_left", "record_clock_offset", "record_ending", "record_fact", "record_facts",
    "refresh_queue", "refuse_silence", "refused_rewards", "replace_listed", "require_code",
    "require_set_aside",
    "require_stored", "rescale_slot", "restore_call", "same_api", "save_account", "save_job",
    "set_aside", "set_durability", "share_of",
    "show_claim", "slow_down", "stays_here", "store_among_known", "store_answer", "store_codes",
    "store_new_codes", "store_unattributed", "take_answer", "take_back", "take_call",
    "take_failure", "take_job", "take_surplus", "time_resolution", "track_codes",
    "try_reward", "turn_of", "use_surplus", "wait_for_slot", "watch_after",
  ]

  private static let operatorsFunctions = [
    "accept_api", "accept_cluster", "approve_above", "approve_job", "asked_purchase",
    "broken_sequences", "cancel_job", "check_job", "daemon_gone_since", "explain_doubt",
    "fleet_question",
    "forget_calls", "forget_events", "forget_refusal", "forget_set_aside", "heal_sequences",
    "is_daemon_at_work", "is_stand_in", "lock_holders", "locked_tables",
    "number_events", "old_row_holders", "own_message", "own_waits", "pause_job", "purge_job",
    "resend_webhook",
    "resolve_call", "restore_rows", "resume_job", "retry_job", "root_holders", "set_approve_above",
    "set_codes_per_day", "set_limits", "set_priority", "set_quota", "shared_holders",
    "skip_event_numbers", "stalled_since", "suspected_jobs", "table_holders", "time_until_done",
    "track_sync", "unread_holders", "untaken_words", "worked_at", "worker_holders",
  ]
}
