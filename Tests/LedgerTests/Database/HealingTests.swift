import Ledger
import MemoryStore
import Postgres
import Provisioning
import TestSupport
import Testing

/// What is derived is compared with what it derives from, mended, and said.
@Suite("healing")
struct HealingTests {
  @Test("rule 21: a job that the owner inserts as a copy gets its place at once")
  func ownersInsert() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.jobs (reward_id, count, created_by)
          VALUES (gen_random_uuid(), 10, 'shop');
        INSERT INTO codemint.jobs (reward_id, count, state, paused, next_call_at)
          VALUES (gen_random_uuid(), 10, 'queued', false, NULL);
        INSERT INTO codemint.jobs (reward_id, count, state, started_at, priority)
          VALUES (gen_random_uuid(), 10, 'running', now(), 3);
        """
      )
      for _ in 1...3 {
        guard case .call = try await ledger.claim() else {
          Issue.record("a job has no place")
          return
        }
      }
      #expect(try await ledger.bystander.facts().job(JobID(1)).state == .running)
    }
  }

  /// What somebody writes to the tables while a job of two calls runs, and what mends it.
  private static let wounds: [(sql: String, said: String)] = [
    ("UPDATE codemint.account SET in_flight = 1000", "account: 1 calls in flight, not 1000"),
    ("UPDATE codemint.account SET in_flight = 0", "account: 1 calls in flight, not 0"),
    ("UPDATE codemint.rewards SET in_flight = 1000", ": 1 calls in flight, not 1000"),
    (
      "UPDATE codemint.jobs SET queue_position = NULL, next_call_at = NULL",
      "job 1 had no place in the queue"
    ),
    (
      "UPDATE codemint.jobs SET outstanding = 550, queue_position = NULL",
      "job 1: 500 codes are out, not 550"
    ),
    (
      "UPDATE codemint.rewards SET queue_head = NULL, queue_priority = NULL",
      "did not know the head of its queue"
    ),
    ("UPDATE codemint.rewards SET queue_priority = 7", "did not know the head of its queue"),
  ]

  @Test("rule 21: a heartbeat mends what does not agree with what it derives from, and says so")
  func mended() async throws {
    for (sql, said) in Self.wounds {
      try await RealLedger.lend { ledger in
        try await ledger.announce(Scene.fast)
        _ = try await ledger.insert(550, of: Scene.reward)
        _ = try await ledger.claim()
        try await ledger.bystander.script("\(sql); \(RealLedger.healingDue)")
        let told = try await ledger.heartbeat().mended
        #expect(told.contains { $0.hasSuffix(said) }, "\(sql): \(told)")
        guard case .call(let call) = try await ledger.claim() else {
          Issue.record("stands still: \(sql)")
          return
        }
        #expect(call.call.size == 50)
        let facts = try await ledger.bystander.facts()
        #expect(facts.account.inFlight == 2 && facts.rewards[Scene.reward]?.inFlight == 2)
        try await ledger.bystander.script(RealLedger.healingDue)
        #expect(try await ledger.heartbeat().mended.isEmpty, "said twice: \(sql)")
        let status = try await ledger.bystander.query(
          "SELECT mended FROM codemint.account_status WHERE mended_at IS NOT NULL"
        )
        #expect(try status.one().text("mended").contains(said), "\(sql)")
      }
    }
  }

  @Test("rule 21: a row that cannot be mended keeps no other from it, whatever refuses it")
  func unmendable() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(10, of: Samples.reward(1))
      _ = try await ledger.insert(10, of: Samples.reward(2))
      try await ledger.bystander.script(
        """
        UPDATE codemint.jobs SET is_new = false, queue_position = NULL, next_call_at = NULL;
        CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF NEW.id = 1 THEN RAISE EXCEPTION 'closed' USING ERRCODE = 'SH001'; END IF;
          RETURN NEW;
        END $$;
        CREATE TRIGGER refuse BEFORE UPDATE ON codemint.jobs
          FOR EACH ROW EXECUTE FUNCTION public.refuse();
        \(RealLedger.healingDue)
        """
      )
      // What was not mended is not said to be.
      #expect(try await ledger.heartbeat().mended == ["job 2 had no place in the queue"])
      // The first claim finds out that the other job is not in its queue.
      var claimed: [JobID] = []
      for _ in 0..<2 {
        if case .call(let call) = try await ledger.claim() { claimed.append(call.call.job) }
      }
      #expect(claimed == [JobID(2)])
    }
  }

  @Test("rule 21: an account whose row was gone lets nobody ahead of what has waited")
  func turnsRestored() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      let insert = """
        INSERT INTO codemint.jobs (reward_id, count, created_by)
        SELECT gen_random_uuid(), 10, 'flood' FROM generate_series(1, 5)
        """
      try await ledger.bystander.script(insert)
      for _ in 0..<3 { _ = try await ledger.claim() }
      try await ledger.bystander.script("DELETE FROM codemint.account; \(RealLedger.healingDue)")
      _ = try await ledger.heartbeat()
      try await ledger.bystander.script(
        "INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 10)"
      )
      let places = try await ledger.bystander.query(
        """
        SELECT array_agg(j.queue_position ORDER BY j.id)::text FROM codemint.jobs j
        WHERE j.queue_position IS NOT NULL
        """
      )
      #expect(try places.one().text(0) == "{40000,50000,49999}")
    }
  }

  @Test("rule 21: a table of one row that somebody emptied has its row again, and claims go on")
  func singleRows() async throws {
    let tables = [
      "account", "healing", "api_clock", "cluster_identity", "retention_progress",
    ]
    for table in tables {
      try await RealLedger.lend { ledger in
        try await ledger.announce(Scene.fast)
        _ = try await ledger.insert(10, of: Scene.reward)
        try await ledger.bystander.script("TRUNCATE codemint.\(table)")
        let told = try await ledger.heartbeat().mended
        #expect(told.first == "the row of \(table) was gone", "\(told)")
        guard case .call = try await ledger.claim() else {
          Issue.record("stands still without \(table)")
          return
        }
        #expect(try await ledger.heartbeat().mended.isEmpty)
      }
    }
  }

  @Test("rule 21: jobs that were truncated while calls were out leave nothing that blocks")
  func truncated() async throws {
    try await RealLedger.lend { ledger in
      let one = Limits(
        requestsPerSecond: 1000,
        burst: 1000,
        maxInFlight: 1,
        maxInFlightPerReward: 1
      )
      try await ledger.announce(one)
      _ = try await ledger.insert(5000, of: Scene.reward)
      _ = try await ledger.claim()
      try await ledger.bystander.script("TRUNCATE codemint.jobs CASCADE; \(RealLedger.healingDue)")
      _ = try await ledger.insert(10, of: Scene.reward)
      #expect(try await ledger.heartbeat(limits: one).mended.count == 2)
      var isClaimed = false
      for _ in 0..<3 {
        if case .call = try await ledger.claim() { isClaimed = true }
        _ = try await ledger.bystander.query("SELECT pg_sleep(0.06)")
      }
      #expect(isClaimed)
    }
  }

  @Test("rule 21: jobs without a pending placement, of a reward without a row, are found")
  func withoutPlacement() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      for reward in 1...3 { _ = try await ledger.insert(10, of: Samples.reward(reward)) }
      try await ledger.bystander.script(
        "TRUNCATE codemint.pending_placements; \(RealLedger.healingDue)"
      )
      #expect(try await ledger.heartbeat().mended.count == 3)
      for _ in 1...3 {
        guard case .call = try await ledger.claim() else {
          Issue.record("a job is not found")
          return
        }
      }
    }
  }

  @Test(
    "rule 21: a row that somebody has locked is left for the next time, and nobody waits for it"
  )
  func lockedFirst() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(5000, of: Scene.reward)
      _ = try await ledger.claim()
      let other = try await Connection.open(ledger.settings)
      try await ledger.bystander.script(
        """
        UPDATE codemint.rewards SET in_flight = 7; UPDATE codemint.jobs SET outstanding = 700;
        \(RealLedger.healingDue)
        """
      )
      try await other.script(
        """
        BEGIN; UPDATE codemint.rewards SET in_flight = in_flight;
        UPDATE codemint.jobs SET outstanding = outstanding
        """
      )
      #expect(try await ledger.heartbeat().mended.isEmpty)
      try await other.script("COMMIT")
      try await ledger.bystander.script(RealLedger.healingDue)
      #expect(try await ledger.heartbeat().mended.count == 2)
      let facts = try await ledger.bystander.facts()
      #expect(facts.rewards[Scene.reward]?.inFlight == 1)
      #expect(try facts.job(JobID(1)).outstanding == 500)
    }
  }

  @Test("rule 9: nothing is decided while a call is sending, whatever the counter says")
  func decidedByCalls() async throws {
    try await PostgresUnderTest.lendClocked { ledger, scene in
      _ = try await scene.insert(5000)
      let (doubtful, sending) = (try await scene.claim(), try await scene.claim())
      try await scene.settle(doubtful, .unknown(.timeout))
      try await ledger.bystander.script("UPDATE codemint.rewards SET in_flight = 0")
      try await ledger.pass(.seconds(2))
      let doubt = try await scene.doubt()
      #expect(try await scene.decide(doubt) { $0.absent = [doubtful.call.id] } == .changed)
      #expect(try await scene.call(sending).state == .sending)
      #expect(try await scene.call(doubtful).state == .inDoubt)
    }
  }

  @Test("rule 21: a reward that is closed without a doubt is opened when somebody takes it")
  func closedForNothing() async throws {
    try await PostgresUnderTest.lendClocked { ledger, scene in
      _ = try await scene.insert(5000)
      let clean = try await scene.claim()
      try await scene.settle(clean, scene.answer(clean))
      try await ledger.bystander.script("UPDATE codemint.rewards SET closed_at = clock_timestamp()")
      guard case .nothing = try await scene.ask() else {
        Issue.record("a call was claimed on a closed reward")
        return
      }
      #expect(try await scene.takeDoubt() == nil)
      #expect(try await scene.reward().closedAt == nil)
      _ = try await scene.claim()
    }
  }

  /// Counters that say less than the truth.
  private static let counters = [
    "UPDATE codemint.account SET in_flight = 0", "UPDATE codemint.rewards SET in_flight = 0",
    "UPDATE codemint.jobs SET outstanding = 0, queue_position = NULL",
    "UPDATE codemint.jobs SET outstanding = 0, issued = 400, queue_position = NULL",
  ]

  @Test("rule 21: nothing that the ledger counts keeps an answer out", arguments: [true, false])
  func stored(isLarge: Bool) async throws {
    for sql in Self.counters {
      try await PostgresUnderTest.lendClocked { ledger, scene in
        let size = isLarge ? 500 : 5
        let job = try await scene.insert(size)
        let claimed = try await scene.claim()
        try await ledger.bystander.script(isLarge ? sql : sql.replacing("400", with: "4"))
        let receipt = try await scene.settle(claimed, scene.answer(claimed))
        #expect(receipt.issued == size, "\(sql)")
        let facts = try await scene.ledger.facts()
        #expect(facts.codes.count == size && facts.account.inFlight == 0, "\(sql)")
        #expect(try facts.job(job).state == .completed, "\(sql)")
        #expect(try facts.job(job).issued == size, "\(sql)")
      }
    }
  }

  @Test("rule 21: a listing that calls await, and whose watch is gone, is planned again")
  func watches() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(10, of: Scene.reward)
      _ = try await ledger.claim()
      try await ledger.bystander.script(
        """
        UPDATE codemint.rewards SET awaits_listing = true;
        UPDATE codemint.healing SET checked_at = NULL;
        """
      )
      #expect(try await ledger.heartbeat().mended.count == 1)
      let planned = try await ledger.bystander.query(
        "SELECT next_listing_at <= clock_timestamp() AS due, reason FROM codemint.reward_watches"
      ).one()
      #expect(try planned.bool("due") && planned.text("reason") == "restore")
      try await ledger.bystander.script("UPDATE codemint.healing SET checked_at = NULL")
      #expect(try await ledger.heartbeat().mended.isEmpty)
    }
  }
}
