import Ledger
import MemoryStore
import Postgres
import TestSupport
import Testing

extension JudgementTests {
  /// Of what there is too much to count or to show.
  private static let crowds = [
    (
      """
      ALTER TABLE codemint.jobs DISABLE TRIGGER USER;
      INSERT INTO codemint.jobs (reward_id, count, state, started_at, finished_at, sync_done_at, error_code)
      SELECT gen_random_uuid(), 1, 'failed', now(), now() - interval '1 hour', now(), 'no'
      FROM generate_series(1, 3);
      INSERT INTO codemint.jobs (reward_id, count, state, issued, started_at, finished_at, sync_done_at)
      SELECT gen_random_uuid(), 1, 'completed', 1, now(), now(), now() FROM generate_series(1, 1200);
      ALTER TABLE codemint.jobs ENABLE TRIGGER USER;
      """,
      "all well: no open jobs; 3 jobs have failed within a day"
    ),
    (
      """
      INSERT INTO codemint.jobs (reward_id, count) SELECT gen_random_uuid(), 10 FROM generate_series(1, 60);
      UPDATE codemint.jobs SET held = true, is_new = false, queue_position = NULL, next_call_at = NULL;
      """,
      "at least 50 jobs need you"
    ),
    // Many refusals of one job hide no other job.
    (
      """
      INSERT INTO codemint.jobs (reward_id, count) SELECT gen_random_uuid(), 100 FROM generate_series(1, 2);
      INSERT INTO codemint.calls
        (id, job_id, reward_id, size, state, outstanding, worker, lease, api_timeout, listing_gap, lease_expires_at,
         effective_until)
      SELECT gen_random_uuid(), j.id, j.reward_id, 1, 'sending', 1, gen_random_uuid(), '1 min', '1 min', '10 s',
             now() + interval '1 min', now()
      FROM codemint.jobs j, generate_series(1, 60);
      UPDATE codemint.jobs SET state = 'running', started_at = now(), outstanding = 60;
      SELECT codemint.note_refusal(c.id, c.job_id, c.reward_id, 'P0001', 'no', NULL, NULL) FROM codemint.calls c;
      """,
      "2 jobs need you"
    ),
  ]

  @Test("numbers are true however much there is, or said to be at least that", arguments: crowds)
  func crowd(setup: String, words: String) async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      try await ledger.bystander.script(setup)
      let verdict = try await ledger.bystander.query("SELECT words FROM codemint.verdict").one()
      #expect(try verdict.text("words") == words)
    }
  }
}
