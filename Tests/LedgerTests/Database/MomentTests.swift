import Ledger
import MemoryStore
import Postgres
import Provisioning
import TestSupport
import Testing

/// Times and counters that nobody could have meant.
@Suite("moments and counters")
struct MomentTests {
  /// Moments without a length of their own, with an endless one, or none that codemint ever plans.
  private static let moments = [
    "UPDATE codemint.rewards SET paused_until = 'infinity', paused_for = NULL",
    "UPDATE codemint.rewards SET paused_until = 'infinity', paused_for = '100000 years'",
    """
    UPDATE codemint.account SET paused_until = now() + interval '1 year', paused_for = '2 years',
      pause_reason = 'throttled'
    """,
    "UPDATE codemint.account SET paused_until = 'infinity', paused_for = NULL",
    "UPDATE codemint.account SET next_slot_at = 'infinity', next_slot_for = '1000 years'",
    "UPDATE codemint.account SET upgrading_until = 'infinity'",
    "UPDATE codemint.rewards SET reconciler_until = 'infinity', reconciler_for = NULL",
    "UPDATE codemint.rewards SET reconcile_at = 'infinity', reconcile_for = '1000 years'",
    "UPDATE codemint.workers SET id = gen_random_uuid(), expires_at = 'infinity'",
    """
    UPDATE codemint.workers SET id = gen_random_uuid(), expires_at = '290000-01-01',
      seen_at = 'infinity'
    """,
    """
    UPDATE codemint.jobs SET is_new = false, queue_position = NULL, next_call_at = 'infinity'
    """,
    """
    INSERT INTO codemint.reward_watches (reward_id, reason, next_listing_at)
      SELECT reward_id, 'restore', '290000-01-01' FROM codemint.rewards
    """,
    """
    INSERT INTO codemint.tracked_rewards (reward_id, next_pass_at)
      SELECT reward_id, 'infinity' FROM codemint.rewards
    """,
    """
    INSERT INTO codemint.resyncs (reward_id, system, next_at)
      SELECT reward_id, 'shopify', 'infinity' FROM codemint.rewards
    """,
  ]

  @Test("rule 20: a moment without a true length of its own is cut, and stops nothing for ever")
  func cut() async throws {
    for sql in Self.moments {
      try await RealLedger.lend { ledger in
        try await ledger.announce(Scene.fast)
        _ = try await ledger.insert(1000, of: Scene.reward)
        _ = try await ledger.claim()
        let far = """
          SELECT EXISTS (SELECT FROM codemint.rewards r, codemint.account a, codemint.workers w,
              codemint.jobs j
            WHERE greatest(r.paused_until, r.reconcile_at, r.reconciler_until, a.paused_until,
                           a.next_slot_at, a.upgrading_until, w.expires_at, w.seen_at, j.next_call_at,
                           (SELECT max(next_listing_at) FROM codemint.reward_watches),
                           (SELECT max(next_pass_at) FROM codemint.tracked_rewards),
                           (SELECT max(next_at) FROM codemint.resyncs))
                  > now() + interval '2 days')
          """
        try await ledger.bystander.script(
          "\(sql); UPDATE codemint.healing SET checked_at = NULL"
        )
        #expect(try await ledger.bystander.query(Statement(far)).one().bool(0), "\(sql)")
        #expect(try await ledger.heartbeat().mended.count == 1, "\(sql)")
        #expect(try await !ledger.bystander.query(Statement(far)).one().bool(0), "\(sql)")
        try await ledger.bystander.script("UPDATE codemint.healing SET checked_at = NULL")
        #expect(try await ledger.heartbeat().mended.isEmpty, "said twice: \(sql)")
      }
    }
  }

  @Test("rule 20: a clock that was ahead without end shifts plans, and stops no heartbeat")
  func endless() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      for moment in ["'infinity'", "'290000-01-01'", "'-infinity'"] {
        try await ledger.bystander.script("UPDATE codemint.healing SET checked_at = \(moment)")
        _ = try await ledger.heartbeat()
      }
    }
  }

  @Test("times without end in any row keep no view from being read")
  func readable() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(1_000_000, of: Scene.reward)
      _ = try await ledger.claim()
      for moment in ["infinity", "-infinity", "4000-01-01 BC", "290000-01-01"] {
        try await ledger.bystander.script(
          """
          UPDATE codemint.jobs SET issued = 1, started_at = '\(moment)', created_at = '\(moment)',
            updated_at = '\(moment)';
          UPDATE codemint.account SET paused_until = '\(moment)', next_slot_at = '\(moment)',
            pace = 1, pace_at = '\(moment)', failed_at = '\(moment)', blocked_at = '\(moment)',
            upgrading_until = '\(moment)', probe_at = '\(moment)';
          UPDATE codemint.rewards SET paused_until = '\(moment)', reconcile_at = '\(moment)',
            undecided_since = '\(moment)';
          UPDATE codemint.calls SET created_at = '\(moment)', send_at = '\(moment)',
            effective_until = '\(moment)', lease_expires_at = '\(moment)';
          UPDATE codemint.workers SET seen_at = '\(moment)', started_at = '\(moment)';
          """
        )
        let views = try await ledger.bystander.query(
          """
          SELECT relname FROM pg_class
          WHERE relnamespace = 'codemint'::regnamespace AND relkind = 'v'
          """
        )
        for view in views {
          let name = try view.text(0)
          _ = try await ledger.bystander.query(
            Statement("SELECT count(v::text) FROM codemint.\(name) v")
          )
        }
      }
    }
  }

  @Test("rule 21: what a job has counted of its codes is compared with the codes, and mended")
  func counted() async throws {
    for (wrong, right) in [
      ("surplus = 7", "1 surplus"), ("surplus = 0", "1 surplus"), ("issued = 300", "500 codes"),
      ("issued = 0", "500 codes"),
    ] {
      try await Self.lendClocked { ledger, scene in
        let job = try await scene.insert(5000)
        let claimed = try await scene.claim()
        try await scene.settle(claimed, scene.answer(claimed))
        try await ledger.bystander.script(
          """
          INSERT INTO codemint.codes
            (id, job_id, reward_id, code, status, sync_status, external_ids, surplus)
            SELECT gen_random_uuid(), id, reward_id, 'C', 'available', 'none', '{}', true
            FROM codemint.jobs;
          UPDATE codemint.jobs SET surplus = 1;
          UPDATE codemint.jobs SET \(wrong);
          UPDATE codemint.healing SET checked_at = NULL;
          """
        )
        let mended = try await scene.heartbeat().mended
        #expect(mended.count == 1 && mended[0].contains(right), "\(wrong): \(mended)")
        let facts = try await scene.ledger.facts().job(job)
        #expect(facts.issued == 500 && facts.surplus == 1, "\(wrong)")
        try await ledger.bystander.script("UPDATE codemint.healing SET checked_at = NULL")
        #expect(try await scene.heartbeat().mended.isEmpty, "said twice: \(wrong)")
      }
    }
  }

  @Test("rule 21: a reward that is open with a call in doubt is closed, and the doubt decided")
  func openDoubt() async throws {
    try await Self.lendClocked { ledger, scene in
      _ = try await scene.insert(5000)
      let claimed = try await scene.claim()
      try await scene.settle(claimed, .unknown(.timeout))
      try await ledger.bystander.script(
        "UPDATE codemint.rewards SET closed_at = NULL; UPDATE codemint.healing SET checked_at = NULL"
      )
      #expect(try await scene.heartbeat().mended.count == 1)
      guard case .nothing = try await scene.ask() else {
        Issue.record("codes are asked for that may exist")
        return
      }
      #expect(try await scene.takeDoubt() != nil)
    }
  }

  @Test("a doubt is proven by its call: a reward that is closed without one is no doubt")
  func noDoubt() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(1000, of: Scene.reward)
      _ = try await ledger.claim()
      try await ledger.bystander.script("UPDATE codemint.rewards SET closed_at = now()")
      let reason: Statement = "SELECT reason FROM codemint.waits"
      #expect(try await ledger.bystander.query(reason).one().text(0) == "unknown")
      try await ledger.bystander.script(
        "UPDATE codemint.calls SET state = 'in_doubt', lease_expires_at = NULL"
      )
      #expect(try await ledger.bystander.query(reason).one().text(0) == "doubt")
    }
  }

  @Test("a reward that awaits a listing which nobody has planned: waits says so")
  func unplanned() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(1000, of: Scene.reward)
      _ = try await ledger.claim()
      try await ledger.bystander.script("UPDATE codemint.rewards SET awaits_listing = true")
      let row = try await ledger.bystander.query("SELECT reason, why FROM codemint.waits").one()
      #expect(try row.text("reason") == "listing")
      #expect(try row.text("why").contains("nobody has planned that"))
    }
  }

  @Test("a run_at that no program can hold is refused with the years; the last one stops nothing")
  func runAt() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      for moment in [
        "290000-01-01", "10000-01-01 00:00+00", "infinity", "-infinity", "4000-01-01 BC",
      ] {
        let error = await failure { () throws(PostgresError) in
          try await ledger.bystander.script(
            """
            INSERT INTO codemint.jobs (reward_id, count, run_at)
              VALUES (gen_random_uuid(), 1, '\(moment)')
            """
          )
        }
        #expect(
          error?.message.contains("run_at must be a time in the years 1970 to 9999") == true,
          "\(moment)"
        )
      }
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.jobs (reward_id, count, run_at) VALUES
          (gen_random_uuid(), 1, '9999-12-31 23:59:59.999999+00'), (gen_random_uuid(), 1, '1970-01-01');
        """
      )
      guard case .call(let call) = try await ledger.claim() else {
        Issue.record("not claimed")
        return
      }
      guard case .nothing(_, let due?) = try await ledger.claim() else {
        Issue.record("when the other is due is not known")
        return
      }
      #expect(due == .seconds(86_400))
      _ = try await ledger.heartbeat()
      let waits = try await ledger.bystander.query(
        Statement("SELECT reason FROM codemint.waits WHERE job_id <> \(call.call.job.number)")
      )
      #expect(try waits.one().text(0) == "time")
    }
  }

  private static func lendClocked(
    _ body: (PostgresUnderTest, Scene) async throws -> Void
  ) async throws {
    try await PostgresUnderTest.lend { ledger in
      guard let ledger = ledger as? PostgresUnderTest else { return }
      try await Scene.over(ledger) { try await body(ledger, $0) }
    }
  }
}
