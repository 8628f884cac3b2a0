import Ledger
import MemoryStore
import Postgres
import Provisioning
import Testing

@Suite("purging jobs")
struct PurgeTests {
  @Test("a purged job is gone with its calls; of its codes the bare ids are left, and who did it")
  func purged() async throws {
    try await play { scene, connection in
      let job = try await scene.insert(10)
      let claimed = try await scene.claim()
      let codes = scene.mint.make(10, of: Scene.reward)
      let settlement = scene.settlement(
        claimed,
        .issued(Answer(codes: codes, nulls: 0, body: []))
      )
      try await scene.settle(settlement)
      let words = try await purge(job, connection, note: " the campaign is long over ")
      #expect(words == "job 1 is gone; of its 10 codes only the bare ids are left")

      let facts = try await connection.facts()
      #expect(facts.jobs.isEmpty && facts.calls.isEmpty && facts.codes.count == 10)
      let left = facts.codes.values
      #expect(left.allSatisfy { $0.code.code.isEmpty && $0.job == nil && $0.call == nil })
      #expect(left.allSatisfy { !$0.isSurplus && $0.code.externalIDs == Array("{}".utf8) })
      let kept = try await connection.query("SELECT * FROM codemint.purges").one()
      #expect(try kept.int64("job_id") == job.number && kept.integer("codes") == 10)
      #expect(try kept.text("note") == "the campaign is long over")
      #expect(try kept.text("state") == "completed" && kept.optionalText("done_by") != nil)

      // No listing takes them for new ones, no sync pass writes into them, and no answer that is repeated
      // counts.
      let store = scene.ledger.store
      let page = try await scene.list(codes).page
      #expect(page.unknown.isEmpty && page.evidence.witnesses == 0)
      #expect(try await scene.settle(settlement).issued == 0)
      let after = try await connection.facts()
      #expect(after.codes == facts.codes && after.unattributed.isEmpty)
      try await connection.script(
        "INSERT INTO codemint.tracked_rewards (reward_id, next_pass_at, passes) "
          + "VALUES ('\(Scene.reward)', clock_timestamp(), 1) ON CONFLICT (reward_id) "
          + "DO UPDATE SET next_pass_at = excluded.next_pass_at, passes = 1"
      )
      _ = try await store.takeTracked(Scene.worker, lease: .seconds(60), first: .seconds(1))
      let shown = codes.map { $0.shown(.synced, status: "redeemed") }
      let recorded = try await store.record(shown, of: Scene.reward, worker: Scene.worker)
      #expect(recorded.kept && recorded.changed == 0 && recorded.unknown == 0)
    }
  }

  @Test("a job that is unfinished, in doubt, held or watched is not purged, and the words help")
  func refused() async throws {
    try await play { scene, connection in
      let job = try await scene.insert(10)
      try await refuses(job, connection, "it can be purged when it has ended")
      try await refuses(JobID(99), connection, "there is no job 99", sqlState: "P0002")
      let claimed = try await scene.doubtfulCall()
      try await refuses(job, connection, "codemint is finding out what one of its calls did")
      let doubt = try await scene.doubt()
      try await scene.decide(doubt) { decision in
        decision.held = [claimed.call.id]
        decision.holdReason = .unexplained
      }
      try await refuses(job, connection, "decide its held calls first")
      _ = try await connection.query(
        "SELECT codemint.resolve_call($1, 'absent', 'nothing there')",
        [.uuid(claimed.call.id.id.bits)]
      )
      #expect(try await scene.ledger.edit(.cancel(job)))
      #expect(try await scene.job(job).state == .cancelled)
      try await refuses(job, connection, "see codemint.watches")
      // The reward's other job falls in doubt.
      _ = try await scene.insert(5)
      try await connection.script(
        "UPDATE codemint.reward_watches SET next_listing_at = NULL, ended = 'listed'"
      )
      _ = try await scene.doubtfulCall()
      try await refuses(job, connection, "see codemint.doubts")
      try await connection.script("UPDATE codemint.rewards SET closed_at = NULL")
      _ = try await purge(job, connection)
      #expect(try await connection.facts().jobs[job] == nil)
    }
  }

  @Test("the words about a job that is held for its reward do not speak of calls in doubt")
  func heldForReward() async throws {
    try await play { scene, connection in
      let job = try await scene.insert(10)
      try await connection.script(
        "SELECT codemint.hold_jobs(reward_id, 'forbidden', 'no') FROM codemint.jobs"
      )
      let words = "it can be purged when it has ended; codemint.cancel_job(\(job.number)) ends it"
      try await refuses(job, connection, words)
      #expect(try await scene.ledger.edit(.cancel(job)))
      _ = try await purge(job, connection)
    }
  }

  @Test("nor do values stay of what was set aside for its requests")
  func setAside() async throws {
    try await play { scene, connection in
      let job = try await scene.insert(10)
      let claimed = try await scene.claim()
      try await scene.settle(claimed, scene.answer(claimed))
      try await connection.script(
        """
        INSERT INTO codemint.unattributed_codes
          (id, call_id, reward_id, code, status, sync_status, external_ids)
          SELECT gen_random_uuid(), c.id, c.reward_id, 'S-1', 'available', 'none', '{"a": 1}'
          FROM codemint.calls c;
        INSERT INTO codemint.raw_codes (id, reward_id, call_id, code, status, external_ids)
          SELECT gen_random_uuid(), c.reward_id, c.id, 'R-1', 's', '{}' FROM codemint.calls c
        """
      )
      _ = try await purge(job, connection)
      let left = try await connection.query(
        """
        SELECT (SELECT count(*) FROM codemint.unattributed_codes WHERE code = '' AND external_ids = '{}')
             + (SELECT count(*) FROM codemint.raw_codes WHERE code = '' AND external_ids = '')
        """
      )
      #expect(try left.one().int64(0) == 2)
    }
  }

  @Test("the dedupe_key of a purged job stays taken for ever")
  func key() async throws {
    try await play { scene, connection in
      let insert: Statement = """
        INSERT INTO codemint.jobs (reward_id, count, dedupe_key)
        VALUES (gen_random_uuid(), 1, $1) RETURNING id
        """
      let id = try await connection.query(insert, [.text("campaign-77")]).one().int64("id")
      #expect(try await scene.ledger.edit(.cancel(JobID(id))))
      _ = try await purge(JobID(id), connection)
      let error = await failure { () throws(PostgresError) in
        try await connection.query(insert, [.text("campaign-77")])
      }
      #expect(error?.sqlState == "23505")
      #expect(error?.message.contains("this job was inserted before, and purged") == true)
      #expect(try await connection.query(insert, [.text("campaign-78")]).count == 1)
    }
  }

  @Test("whoever changes codes of the job meanwhile is not waited for with the job's lock alone")
  func codesLocked() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.bystander.script(Self.tenCodes)
      let other = try await Connection.open(ledger.settings)
      try await other.script(
        "BEGIN; UPDATE codemint.codes SET status = 'reserved' WHERE code = 'C3'"
      )
      async let words = ledger.bystander.query("SELECT codemint.purge_job(1) AS words").one()
      // The nine others are blank before the tenth is free: seen once the purge has gone round.
      let observer = try await Connection.open(ledger.settings)
      while try await observer.query(
        "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
      ).isEmpty {}
      try await other.script("COMMIT")
      #expect(try await words.text("words").contains("of its 10 codes"))
      await other.close()
      await observer.close()
    }
  }

  @Test("after calls were forgotten, an accepted cluster lists every reward all the same")
  func accepted() async throws {
    try await play { scene, connection in
      _ = try await scene.insert(10)
      let claimed = try await scene.claim()
      try await scene.settle(claimed, scene.answer(claimed))
      try await scene.ledger.pass(.seconds(100 * 86_400))
      let pruned = try await scene.ledger.store.pruneCalls(
        olderThan: .seconds(90 * 86_400),
        atMost: 100
      )
      #expect(pruned.number == 1)
      _ = try await connection.query("SELECT codemint.accept_cluster('restored')")
      try await scene.ledger.pass(.seconds(1))
      let lost = scene.mint.make(3, of: Scene.reward)
      #expect(try await scene.listWatched(finding: lost) == .done(issued: 0, surplus: 3))
      let facts = try await connection.facts()
      #expect(lost.allSatisfy { facts.codes[$0.id]?.isSurplus == true })
      #expect(try await scene.listWatched() == nil)
    }
  }

  private static let tenCodes = """
    INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 10);
    UPDATE codemint.jobs
      SET state = 'completed', issued = 10, is_new = false, queue_position = NULL, next_call_at = NULL, finished_at = now();
    INSERT INTO codemint.codes
      (id, job_id, call_id, reward_id, code, status, sync_status, external_ids)
    SELECT gen_random_uuid(), j.id, gen_random_uuid(), j.reward_id, 'C' || n, 'available', 'none',
           '{}'
    FROM codemint.jobs j, generate_series(1, 10) AS n;
    """

  private func play(_ body: (Scene, Connection) async throws -> Void) async throws {
    try await PostgresUnderTest.lend { ledger in
      guard let postgres = ledger as? PostgresUnderTest else { return }
      try await Scene.over(ledger) { try await body($0, postgres.bystander) }
    }
  }

  private func purge(_ job: JobID, _ connection: Connection, note: String? = nil) async throws
    -> String
  {
    try await connection.query(
      "SELECT codemint.purge_job($1, $2) AS words",
      [.int8(job.number), .text(note)]
    ).one().text("words")
  }

  private func refuses(
    _ job: JobID,
    _ connection: Connection,
    _ words: String,
    sqlState: String = "55000"
  ) async throws {
    let error = await failure { () throws(PostgresError) in
      try await connection.query("SELECT codemint.purge_job($1)", [.int8(job.number)])
    }
    #expect(error?.sqlState == sqlState && error?.message.contains(words) == true, "\(words)")
  }
}
