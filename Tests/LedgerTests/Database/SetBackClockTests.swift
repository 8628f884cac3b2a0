import Ledger
import MemoryStore
import Postgres
import Provisioning
import Testing

/// A clock that was set back leaves moments that are too far ahead.
@Suite("a clock that was set back")
struct SetBackClockTests {
  /// Moments that a clock which was set back has left an hour ahead, while a call is out.
  private static let future = [
    "UPDATE codemint.account SET next_slot_at = clock_timestamp() + interval '1 hour'",
    """
    UPDATE codemint.account SET paused_until = clock_timestamp() + interval '1 hour',
      paused_for = '1 s', pause_reason = 'throttled'
    """,
    """
    UPDATE codemint.rewards SET paused_until = clock_timestamp() + interval '1 hour',
      paused_for = '1 s'
    """,
    "UPDATE codemint.account SET upgrading_until = clock_timestamp() + interval '1 hour'",
  ]

  @Test("rule 20: a moment that is further ahead than its own row's length is cut back, and said")
  func cutBack() async throws {
    for sql in Self.future {
      try await PostgresUnderTest.lendClocked { ledger, scene in
        _ = try await scene.insert(5000)
        _ = try await scene.claim()
        try await ledger.bystander.script("\(sql); \(RealLedger.healingDue)")
        #expect(try await scene.heartbeat().mended.count == 1, "\(sql)")
        try await ledger.pass(.seconds(10))
        _ = try await scene.claim()
      }
    }
  }

  @Test("rule 20: leases are cut back to the length of their own worker")
  func leasesCut() async throws {
    try await PostgresUnderTest.lendClocked { ledger, scene in
      _ = try await scene.insert(5000)
      let claimed = try await scene.claim()
      try await ledger.bystander.script(
        """
        UPDATE codemint.calls SET lease_expires_at = clock_timestamp() + interval '1 hour',
          effective_until = clock_timestamp() + interval '2 hours';
        \(RealLedger.healingDue)
        """
      )
      #expect(try await scene.heartbeat().mended.count == 1)
      let row = try await scene.call(claimed)
      let now = try await scene.now()
      #expect(row.leaseExpiresAt == now + 10_000_000)
      #expect(row.effectiveUntil < now + 7_200_000_000)
      try await ledger.pass(.seconds(11))
      #expect(try await scene.heartbeat().expired.map(\.call) == [claimed.call.id])
    }
  }

  @Test("rule 20: what is as far ahead as its row allows is left alone")
  func leftAlone() async throws {
    try await PostgresUnderTest.lendClocked { ledger, scene in
      _ = try await scene.insert(5000)
      let claimed = try await scene.claim()
      try await scene.settle(claimed, Scene.refusal(.pace(pause: .seconds(600)), 429))
      try await ledger.bystander.script(RealLedger.healingDue)
      #expect(try await scene.heartbeat().mended.isEmpty)
    }
  }

  @Test(
    "rule 20: a slot that is taken before a heartbeat comes does not make the hour its own length"
  )
  func laundered() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(1000, of: Scene.reward)
      guard case .call = try await ledger.claim() else {
        Issue.record("no call")
        return
      }
      try await ledger.bystander.script(
        """
        UPDATE codemint.account SET next_slot_at = next_slot_at + interval '1 hour';
        SELECT codemint.reserve_slot();
        """
      )
      guard case .call = try await ledger.claim() else {
        Issue.record("no call after the clock was set back")
        return
      }
      let near = "SELECT next_slot_for < interval '1 minute' AS near FROM codemint.account"
      #expect(try await ledger.bystander.query(Statement(near)).one().bool("near"))
    }
  }

  @Test("rule 20: plans to list or to ask again come forward with a clock that was set back, once")
  func plans() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(10, of: Scene.reward)
      _ = try await ledger.claim()
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.reward_watches (reward_id, reason, next_listing_at)
          SELECT reward_id, 'restore', now() + interval '61 min' FROM codemint.rewards;
        INSERT INTO codemint.tracked_rewards (reward_id, next_pass_at)
          SELECT reward_id, now() + interval '61 min' FROM codemint.rewards;
        INSERT INTO codemint.resyncs (reward_id, system, next_at)
          SELECT reward_id, 'shopify', now() + interval '61 min' FROM codemint.rewards;
        UPDATE codemint.healing SET checked_at = now() + interval '1 hour';
        """
      )
      #expect(try await ledger.heartbeat().mended.count == 1)
      let near = try await ledger.bystander.query(
        """
        SELECT next_listing_at < now() + interval '2 min' AND next_pass_at < now() + interval '2 min'
               AND next_at < now() + interval '2 min' AND next_at > now() AS near
        FROM codemint.reward_watches, codemint.tracked_rewards, codemint.resyncs
        """
      )
      #expect(try near.one().bool("near"))
      #expect(try await ledger.heartbeat().mended.isEmpty)
    }
  }
}
