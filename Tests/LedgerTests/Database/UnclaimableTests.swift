import Ledger
import MemoryStore
import Postgres
import Provisioning
import TestSupport
import Testing

/// What somebody's trigger or constraint refuses waits until that is mended: no job fails for it.
@Suite("jobs that cannot be claimed")
struct UnclaimableTests {
  @Test("a job whose row somebody refuses is put off alone, with its reason and who refuses it")
  func poison() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(10, of: Samples.reward(1))
      _ = try await ledger.insert(10, of: Samples.reward(2))
      _ = try await ledger.insert(10, of: Samples.reward(3))
      _ = try await ledger.insert(10, of: Samples.reward(4))
      _ = try await ledger.insert(10, of: Samples.reward(5))
      try await ledger.bystander.script(
        """
        CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF NEW.id = 1 AND NEW.state = 'running' THEN RAISE EXCEPTION 'not this one'; END IF;
          IF NEW.id = 2 THEN RAISE EXCEPTION 'not at all' USING ERRCODE = 'undefined_table'; END IF;
          IF NEW.id = 3 AND NEW.state = 'running' THEN
            RAISE EXCEPTION 'the shop is closed' USING ERRCODE = 'SH001';
          END IF;
          -- Nothing is written, and nothing is said.
          IF NEW.id = 4 AND NEW.state = 'running' THEN RETURN NULL; END IF;
          RETURN NEW;
        END $$;
        CREATE TRIGGER refuse BEFORE UPDATE ON codemint.jobs
          FOR EACH ROW EXECUTE FUNCTION public.refuse();
        """
      )
      var claimed: [JobID] = []
      for _ in 0..<6 {
        if case .call(let call) = try await ledger.claim() { claimed.append(call.call.job) }
      }
      #expect(claimed == [JobID(5)])
      for (number, why) in [
        (1, "not this one"), (3, "the shop is closed"),
        (4, "a row of codemint.jobs was not written"),
      ] {
        let job = try await ledger.bystander.facts().job(JobID(Int64(number)))
        #expect(job.state == .queued && job.errorCode == "unclaimable")
        let words = try await Self.why(number, ledger)
        #expect(words.contains(why))
      }
      let words = try await Self.why(2, ledger)
      #expect(
        words
          == "calls of the reward cannot be claimed: job 2: not at all (trigger refuse on codemint.jobs)"
      )
    }
  }

  /// What somebody does to a table that every claim writes, and how it is taken back.
  private static let faults: [(sql: String, mend: String)] = [
    (
      "ALTER TABLE codemint.calls ADD tenant integer NOT NULL DEFAULT 1; "
        + "ALTER TABLE codemint.calls ALTER tenant DROP DEFAULT",
      "ALTER TABLE codemint.calls DROP tenant"
    ),
    (
      "ALTER TABLE codemint.calls ADD CONSTRAINT small CHECK (size < 2) NOT VALID",
      "ALTER TABLE codemint.calls DROP CONSTRAINT small"
    ),
    ("\(raising) BEFORE INSERT ON codemint.calls \(each)", "DROP FUNCTION public.refuse() CASCADE"),
    (
      "\(raising) BEFORE UPDATE ON codemint.account \(each)",
      "DROP FUNCTION public.refuse() CASCADE"
    ),
    (
      "\(raising) BEFORE UPDATE ON codemint.rewards \(each)",
      "DROP FUNCTION public.refuse() CASCADE"
    ),
  ]

  private static let raising = """
    CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$no$$; END';
    CREATE TRIGGER refuse
    """

  private static let each = "FOR EACH ROW EXECUTE FUNCTION public.refuse()"

  @Test(
    "what refuses every claim fails no job: operators are told, and all go on once it is mended"
  )
  func everyClaim() async throws {
    for (sql, mend) in Self.faults {
      try await RealLedger.lend { ledger in
        try await ledger.announce(Scene.fast)
        for reward in 1...3 { _ = try await ledger.insert(600, of: Samples.reward(reward)) }
        guard case .call = try await ledger.claim() else {
          Issue.record("nothing is claimed")
          return
        }
        try await ledger.bystander.script(sql)
        // If not even the pause can be written, the claims fail, which heartbeats tell.
        var fails = false
        for _ in 0..<6 {
          do {
            if case .call = try await ledger.claim() { Issue.record("\(sql)") }
          } catch is StoreError {
            fails = true
          }
        }
        let state = try await ledger.bystander.query(
          "SELECT count(*) FILTER (WHERE state = 'failed') FROM codemint.jobs"
        ).one()
        #expect(try state.int64(0) == 0, "\(sql)")
        let verdict = try await ledger.bystander.query("SELECT level FROM codemint.verdict").one()
        #expect(try fails || verdict.text(0) == "needs you", "\(sql)")
        try await ledger.bystander.script(mend)
        try await ledger.bystander.script(
          """
          UPDATE codemint.jobs SET next_call_at = clock_timestamp() WHERE next_call_at > clock_timestamp();
          UPDATE codemint.refused_work SET retry_at = clock_timestamp()
          """
        )
        _ = try await ledger.heartbeat()
        var claimed: Set<JobID> = []
        for _ in 0..<8 {
          if case .call(let call) = try await ledger.claim() { claimed.insert(call.call.job) }
        }
        #expect(claimed.count == 3, "\(sql): \(claimed)")
        let left =
          "SELECT FROM codemint.jobs WHERE unclaimable_since IS NOT NULL OR error_code IS NOT NULL"
        let unclaimable = try await ledger.bystander.query(Statement(left))
        #expect(unclaimable.isEmpty, "\(sql)")
      }
    }
  }

  @Test(
    "a job that was cancelled while it could not be claimed, and is opened again, is like any other"
  )
  func openedAgain() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(10, of: Scene.reward)
      let (sql, mend) = Self.faults[1]
      try await ledger.bystander.script(sql)
      _ = try await ledger.claim()
      #expect(try await Self.why(1, ledger).hasPrefix("it cannot be claimed: "))
      try await ledger.bystander.script("\(mend); SELECT codemint.cancel_job(1)")
      let job = try await ledger.bystander.query(
        "SELECT state, unclaimable_since IS NULL FROM codemint.jobs"
      ).one()
      #expect(try job.text(0) == "cancelled" && job.bool(1))
      try await ledger.bystander.script("SELECT codemint.retry_job(1, 'again')")
      let waits = try await ledger.bystander.query("SELECT reason FROM codemint.waits").one()
      #expect(try waits.text(0) != "unclaimable")
    }
  }

  /// What keeps the row of one reward from being written, in words or in silence.
  private static let rewardFaults = [
    "RAISE EXCEPTION 'not this reward'", "RETURN NULL",
    "RAISE EXCEPTION 'not this reward' USING ERRCODE = 'undefined_table'",
  ]

  @Test(
    "a reward whose row somebody refuses is passed over alone, says who refuses it, and goes on once that is mended",
    arguments: rewardFaults
  )
  func oneReward(fault: String) async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(600, of: Samples.reward(1))
      _ = try await ledger.insert(600, of: Samples.reward(2))
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.rewards (reward_id) VALUES ('\(Samples.reward(1))');
        CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN IF NEW.reward_id = '\(Samples.reward(1))' THEN \(fault); END IF; RETURN NEW; END $$;
        CREATE TRIGGER refuse BEFORE UPDATE ON codemint.rewards
          FOR EACH ROW EXECUTE FUNCTION public.refuse();
        """
      )
      var claimed: Set<JobID> = []
      for _ in 0..<6 {
        if case .call(let call) = try await ledger.claim() { claimed.insert(call.call.job) }
      }
      #expect(claimed == [JobID(2)])
      // Whatever a heartbeat mends, it mends the rest.
      try await ledger.bystander.script(
        """
        ALTER TABLE codemint.rewards DISABLE TRIGGER refuse;
        UPDATE codemint.rewards SET in_flight = 9;
        ALTER TABLE codemint.rewards ENABLE TRIGGER refuse;
        UPDATE codemint.healing SET checked_at = NULL;
        """
      )
      _ = try await ledger.heartbeat()
      let healed = try await ledger.bystander.query(
        "SELECT in_flight::bigint FROM codemint.rewards WHERE reward_id = $1",
        [.uuid(Samples.reward(2).id.bits)]
      ).one()
      #expect(try healed.int64(0) < 9)
      let wait = try await ledger.bystander.query(
        """
        SELECT why, what_to_do, since IS NOT NULL FROM codemint.waits
        WHERE job_id = 1 AND reason = 'unclaimable'
        """
      ).one()
      #expect(try wait.text(0).contains("trigger refuse on codemint.rewards") && wait.bool(2))
      #expect(try wait.text(1).contains("mend") || wait.text(1).contains("DISABLE TRIGGER"))
      try await ledger.bystander.script(
        """
        DROP FUNCTION public.refuse() CASCADE;
        UPDATE codemint.refused_work SET retry_at = clock_timestamp();
        UPDATE codemint.jobs SET next_call_at = clock_timestamp() WHERE next_call_at > clock_timestamp();
        UPDATE codemint.healing SET checked_at = NULL;
        """
      )
      _ = try await ledger.heartbeat()
      for _ in 0..<6 {
        if case .call(let call) = try await ledger.claim() { claimed.insert(call.call.job) }
      }
      #expect(claimed == [JobID(1), JobID(2)])
      let left = try await ledger.bystander.query("SELECT FROM codemint.refused_work")
      #expect(left.isEmpty)
    }
  }

  @Test("a thousand jobs whose rows somebody refuses keep no later job from its place")
  func manyRefused() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.jobs (reward_id, count, run_at, dedupe_key)
        SELECT '\(Samples.reward(1))', 10, clock_timestamp() + interval '1 hour', 'refused ' || n
        FROM generate_series(1, 1000) n;
        INSERT INTO codemint.jobs (reward_id, count, run_at)
        VALUES ('\(Samples.reward(2))', 10, clock_timestamp() + interval '1 hour');
        UPDATE codemint.jobs SET next_call_at = clock_timestamp();
        CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN IF NEW.dedupe_key IS NOT NULL THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$;
        CREATE TRIGGER refuse BEFORE UPDATE ON codemint.jobs
          FOR EACH ROW EXECUTE FUNCTION public.refuse();
        """
      )
      _ = try await ledger.heartbeat()
      guard case .call(let call) = try await ledger.claim() else {
        Issue.record("nothing is claimed")
        return
      }
      #expect(call.call.reward == Samples.reward(2))
    }
  }

  private static func why(_ job: Int, _ ledger: RealLedger) async throws -> String {
    let statement: Statement =
      "SELECT why FROM codemint.waits WHERE job_id = $1 AND reason = 'unclaimable'"
    return try await ledger.bystander.query(statement, [.int8(Int64(job))]).one().text(0)
  }
}
