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

  @Test("rule 2: a reward that is closed when it is locked takes no call, whatever was read before")
  func closedUnderLock() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(5000, of: Scene.reward)
      _ = try await ledger.store.claim(request(1))
      for (closedAt, mayTake): (String, Bool) in [("null", true), ("\"2026-01-01\"", false)] {
        let row = try await ledger.bystander.query(
          """
          SELECT codemint.may_take(
            a, jsonb_populate_record(r, jsonb_build_object('closed_at', $1::jsonb)), j, now())
          FROM codemint.account a, codemint.rewards r, codemint.jobs j
          """,
          [.text(closedAt)]
        )
        #expect(try row.one().bool(0) == mayTake)
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
