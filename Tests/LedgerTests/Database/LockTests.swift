import Ledger
import MemoryStore
import Postgres
import Provisioning
import Testing

@Suite("locks")
struct LockTests {
  @Test(
    "rule 2: a claim beside another connection that doubts a call of its reward takes none"
  )
  func doubtWhileClaiming() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(5000, of: Scene.reward)
      let first = try await claimed(ledger)
      try await ledger.bystander.script("BEGIN")
      try await settle(first, .unknown(.timeout), on: ledger.bystander)
      guard case .nothing(let wait?, _) = try await ledger.store.claim(request(2)) else {
        Issue.record("claimed beside a doubt that is being recorded")
        return
      }
      #expect(wait > .zero && wait <= .milliseconds(50))
      try await ledger.bystander.script("COMMIT")
      // Asked again, as it is told to: the reward is closed now, and nothing is claimed either.
      guard case .nothing = try await ledger.store.claim(request(3)) else {
        Issue.record("claimed beside a doubtful call")
        return
      }
      #expect(try await ledger.bystander.facts().calls.count == 1)
    }
  }

  /// What can stand in the way of a claim when its rows are locked, while 1 call is in flight.
  private static let obstacles = [
    #"{"reward": {"closed_at": "2026-01-01"}}"#, #"{"reward": {"in_flight": 100}}"#,
    #"{"reward": {"paused_until": "2100-01-01"}}"#, #"{"reward": {"awaits_listing": true}}"#,
    #"{"job": {"queue_position": null}}"#, #"{"account": {"blocked_at": "2026-01-01"}}"#,
    #"{"account": {"breaker": "open"}}"#, #"{"account": {"upgrading_until": "2100-01-01"}}"#,
    #"{"account": {"codes_per_day": 1}}"#, #"{"account": {"in_flight": 100}}"#,
    #"{"account": {"failures": 1}}"#,
  ]

  @Test(
    "rule 2: what stands in the way when its rows are locked stops a claim, whatever was read before"
  )
  func underLock() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(5000, of: Scene.reward)
      _ = try await ledger.store.claim(request(1))
      for obstacle in ["{}"] + Self.obstacles {
        let row = try await ledger.bystander.query(
          """
          SELECT codemint.may_take(
            jsonb_populate_record(a, o.it->'account'), jsonb_populate_record(r, o.it->'reward'),
            jsonb_populate_record(j, o.it->'job'), clock_timestamp())
          FROM codemint.account a, codemint.rewards r, codemint.jobs j, (SELECT $1::jsonb) AS o (it)
          """,
          [.text(obstacle)]
        )
        #expect(try row.one().bool(0) == (obstacle == "{}"), "\(obstacle)")
      }
    }
  }

  @Test(
    "rule 2: a job that cannot be claimed any more, or has moved, when it is locked is not claimed"
  )
  func changedMeanwhile() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(5000, of: Scene.reward)
      _ = try await ledger.store.claim(request(1))
      let changes: [(reward: String, places: Int64, outcome: String)] = [
        (#"{"closed_at": "2026-01-01"}"#, 0, "nothing"), ("{}", 1, "nothing"), ("{}", 0, "call"),
      ]
      for change in changes {
        let row = try await ledger.bystander.query(
          """
          SELECT c.outcome
          FROM codemint.rewards o, codemint.jobs j, codemint.installed_code i,
               jsonb_populate_record(o, $3::jsonb) r,
               jsonb_populate_record(
                 NULL::codemint.candidate,
                 to_jsonb(j) || jsonb_build_object('queue_position', j.queue_position - $1)) d,
               codemint.take_job(
                 gen_random_uuid(), $2, ('60 s', '60 s', '10 s'), i.checksum, NULL, d, r, j) c
          """,
          [.int8(change.places), .uuid(Samples.worker(1).id.bits), .text(change.reward)]
        )
        #expect(try row.one().text("outcome") == change.outcome)
      }
    }
  }

  @Test("a claim that waits while the last room is taken finds nothing")
  func roomTaken() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(100, of: Scene.reward)
      let other = try await Connection.open(ledger.settings)
      try await ledger.bystander.script("BEGIN")
      _ = try await ledger.bystander.query(
        """
        SELECT codemint.claim_call($1, $2, ('10 s', '60 s', '10 s'), i.checksum)
        FROM codemint.installed_code i
        """,
        [.uuid(Samples.call(1).id.bits), .uuid(Samples.worker(2).id.bits)]
      )
      async let claim = ledger.store.claim(request(2))
      try await untilSomebodyWaits(other)
      try await ledger.bystander.script("COMMIT")
      guard case .nothing(let wait, _) = try await claim else {
        Issue.record("claimed what was claimed")
        return
      }
      #expect(wait == nil)
      #expect(try await other.facts().calls.count == 1)
      await other.close()
    }
  }

  @Test("a claim that waits while functions are replaced is refused")
  func functionsReplaced() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(100, of: Scene.reward)
      let other = try await Connection.open(ledger.settings)
      try await ledger.bystander.script(
        "BEGIN; UPDATE codemint.account SET upgrading_until = NULL"
      )
      async let claim = ledger.store.claim(request(1))
      try await untilSomebodyWaits(other)
      try await ledger.bystander.script(
        "UPDATE codemint.installed_code SET checksum = 'other'; COMMIT"
      )
      do {
        _ = try await claim
        Issue.record("claimed with the functions of another version")
      } catch {
        #expect((error as? StoreError)?.code == .superseded)
      }
      #expect(try await other.facts().calls.isEmpty)
      await other.close()
    }
  }

  @Test("a heartbeat waits for nobody: what is locked is left for the next time")
  func heartbeatSkips() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(1000, of: Scene.reward)
      let request = ClaimRequest(
        call: Samples.call(1),
        worker: Samples.worker(1),
        lengths: Samples.lengths(lease: .zero)
      )
      _ = try await ledger.store.claim(request)
      try await ledger.bystander.script("BEGIN; SELECT * FROM codemint.rewards FOR UPDATE")
      let presence = Samples.presence(Samples.worker(1), limits: Scene.fast)
      #expect(try await ledger.store.heartbeat(presence).expired.isEmpty)
      try await ledger.bystander.script("COMMIT")
      #expect(try await ledger.store.heartbeat(presence).expired.map(\.call) == [Samples.call(1)])
    }
  }

  private func request(_ number: Int) -> ClaimRequest {
    ClaimRequest(
      call: Samples.call(number),
      worker: Samples.worker(1),
      lengths: Samples.lengths(lease: .seconds(60))
    )
  }

  private func claimed(_ ledger: RealLedger) async throws -> ClaimedCall {
    guard case .call(let claimed) = try await ledger.store.claim(request(1)) else {
      throw MissingRow("call to claim")
    }
    return claimed
  }

  /// What a daemon asks besides calls, and the table that somebody has to himself.
  private static let bounded:
    [(table: String, ask: @Sendable (PostgresStore) async throws -> Void)] =
      [
        ("rewards", { _ = try await $0.takeDoubt(Samples.worker(1), lease: .seconds(5)) }),
        ("reward_watches", { _ = try await $0.takeWatch(Samples.worker(1), lease: .seconds(5)) }),
        (
          "tracked_rewards",
          { _ = try await $0.takeTracked(Samples.worker(1), lease: .seconds(5), first: .zero) }
        ),
        (
          "tracked_rewards",
          { _ = try await $0.syncSlot(Scene.reward, worker: Samples.worker(1), lease: .seconds(5)) }
        ),
        ("account", { try await $0.recordProbe(.accepted) }),
        (
          "observed_facts",
          {
            try await $0.note(
              ListingSight(reward: Scene.reward, largestPage: 1, asked: 1, behind: nil)
            )
          }
        ),
      ]

  @Test(
    "rule 2: nothing waits for a table for longer than two seconds, and the error says who has it"
  )
  func bounds() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      for (table, ask) in Self.bounded {
        try await ledger.bystander.script(
          "BEGIN; LOCK TABLE codemint.\(table) IN ACCESS EXCLUSIVE MODE"
        )
        let start = ContinuousClock.now
        let error = await #expect(throws: StoreError.self) { try await ask(ledger.store) }
        #expect(error?.cause == .locked, "\(table)")
        #expect(
          error?.description.contains("the table \(table) is locked by") == true,
          "\(String(describing: error))"
        )
        #expect(ContinuousClock.now - start < .milliseconds(4500), "\(table)")
        try await ledger.bystander.script("ROLLBACK")
      }
    }
  }

  /// Settles on a connection that has a transaction open, as another worker's would be for a moment.
  private func settle(
    _ claimed: ClaimedCall,
    _ outcome: CallOutcome,
    on connection: Connection
  ) async throws {
    _ = try await connection.query(
      """
      SELECT codemint.settle_call(
        ($1, $2, $3, NULL, $4, $5, '10 s', '60 s', '10 s'),
        ('in_doubt', NULL, 'timeout', 'm', NULL, 1, NULL),
        (false, 'closed', 'none', NULL, NULL, NULL, NULL, 0), (false, NULL, NULL, NULL), '{}',
        NULL)
      """,
      [
        .uuid(claimed.call.id.id.bits), .int8(claimed.call.job.number),
        .uuid(claimed.call.reward.id.bits), .int4(Int32(claimed.call.size)),
        .uuid(Samples.worker(1).id.bits),
      ]
    )
  }

  /// Returns when a connection to this database waits for a lock. The server does the waiting
  /// between two passes.
  private func untilSomebodyWaits(_ connection: Connection) async throws {
    for _ in 0..<2000 {
      let waiting = try await connection.query(
        """
        SELECT EXISTS (SELECT FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock')
        """
      )
      if try waiting.one().bool(0) { return }
      _ = try await connection.query("SELECT pg_sleep(0.005)")
    }
    throw MissingRow("connection that waits for a lock")
  }
}
