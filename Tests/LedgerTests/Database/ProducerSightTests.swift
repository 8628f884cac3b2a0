import Ledger
import Postgres
import Testing

/// What producers may read of what only operators write.
@Suite("what producers get to see of operators")
struct ProducerSightTests {
  private static let insertion: Statement = """
    INSERT INTO codemint.jobs (reward_id, count) SELECT gen_random_uuid(), 9 + n FROM generate_series(1, 7) n
    """

  /// All that a producer may read, and what others are sent for it, in one text.
  private static let sights = [
    "(to_jsonb(s) - 'api')::text FROM codemint.my_jobs s",
    "to_jsonb(s)::text FROM codemint.my_waits s",
    "to_jsonb(s)::text FROM codemint.my_events s",
    "(to_jsonb(s) - 'api')::text FROM codemint.account_status s",
    "to_jsonb(s)::text FROM codemint.my_jobs j CROSS JOIN LATERAL codemint.check_job(j.reward_id, 50) s",
  ]

  @Test(
    "nothing that a producer reads, or is sent, has an operator's login or note, or the API's URL"
  )
  func words() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let desk = try await logins.login(.operator)
      let name = try await desk.query("SELECT session_user::text").one().text(0)
      let producer = try await shop.query("SELECT session_user::text").one().text(0)
      try await desk.script(
        """
        SELECT codemint.set_approve_above(14, 'QZWX'); SELECT codemint.set_codes_per_day(5, 'QZWX');
        SELECT codemint.set_limits(3); SELECT codemint.set_quota('\(producer)', 1, 7, 'QZWX', 2);
        """
      )
      _ = try await shop.query(Self.insertion)
      try await desk.script(
        "SELECT codemint.cancel_job(1, 'QZWX'); SELECT codemint.pause_job(2, 'QZWX'); SELECT codemint.cancel_job(3)"
      )
      try await logins.owner.script(
        """
        UPDATE codemint.account SET api = 'https://qzwx.example', api_accepted_at = now();
        INSERT INTO codemint.rewards (reward_id) SELECT reward_id FROM codemint.jobs;
        SELECT codemint.hold_for_api(j, a) FROM codemint.jobs j, codemint.account a WHERE j.id = 4;
        UPDATE codemint.jobs SET is_new = false, queue_position = NULL, error_code = 'unclaimable',
          error_message = 'QZWX', unclaimable_since = now(), next_call_at = now() + '1 min' WHERE id = 5;
        SELECT codemint.number_events(100);
        """
      )
      _ = try await shop.query("SELECT codemint.cancel_job(6, 'we need it no more')")
      var seen = ""
      for sight in Self.sights {
        let rows = try await shop.query(Statement("SELECT \(sight)"))
        #expect(!rows.isEmpty, "\(sight)")
        for row in rows { seen += try row.text(0) + "\n" }
      }
      for row in try await logins.owner.query(
        "SELECT codemint.webhook_body(e) FROM codemint.events e"
      ) {
        seen += try row.text(0) + "\n"
      }
      for told in [
        "an operator has cancelled it", "an operator has paused it", "jobs of more than 14 wait",
        "has begun at another API", "the database refuses its call", "we need it no more",
        "an operator has to act: other_api",
      ] { #expect(seen.contains(told), "\(told)") }
      let words = seen.split { !$0.isLetter && !$0.isNumber && $0 != "_" }
      #expect(!seen.lowercased().contains("qzwx") && !words.contains { $0 == name }, "\(seen)")
      // Operators see all of it.
      let known = try await desk.query(
        """
        SELECT (SELECT string_agg(concat_ws(' ', j.id, j.error_message), '; ' ORDER BY j.id) FROM codemint.job_status j
                WHERE j.error_message IS NOT NULL)
               || (SELECT a.set_by FROM codemint.account_status a) AS words
        """
      ).one().text("words")
      for told in ["1 QZWX", "3 cancelled by \(name)", "https://qzwx.example", "5 QZWX"] {
        #expect(known.contains(told), "\(known)")
      }
      #expect(known.hasSuffix(name))
    }
  }

  @Test("a producer cannot ask for what became of a job of somebody else")
  func others() async throws {
    try await Logins.lend { logins in
      let (shop, spy) = (try await logins.login(.producer), try await logins.login(.producer))
      _ = try await shop.query(Self.insertion)
      _ = try await shop.query("SELECT codemint.cancel_job(1, 'why')")
      for job in [1, 2, 99] {
        let words = try await spy.query(
          Statement(
            """
            SELECT codemint.own_message(jsonb_populate_record(
              NULL::codemint.jobs, '{"id": \(job), "state": "cancelled", "error_code": "cancelled",
                                     "error_message": "guess"}')) AS words
            """
          )
        ).one().text("words")
        #expect(words == "an operator has cancelled it")
      }
    }
  }
}
