import Ledger
import MemoryStore
import Postgres
import Provisioning
import TestSupport
import Testing

/// Guard rails for money.
@Suite("guard rails")
struct GuardTests {
  private static let real = "https://real.example"
  private static let lengths = CallLengths(
    lease: .seconds(60),
    apiTimeout: .seconds(60),
    listingGap: .seconds(10)
  )

  /// A daemon that would send calls to this API.
  private struct Daemon {
    let store: PostgresStore
    let worker: WorkerID

    init(_ ledger: RealLedger, _ api: String, number: Int = 1) {
      store = PostgresStore(pool: ledger.pool, api: api)
      worker = Samples.worker(number)
    }

    @discardableResult
    func live() async throws -> Heartbeat {
      try await store.heartbeat(Samples.presence(worker, limits: .standard))
    }

    /// The size of the call that it gets; nil if it gets none.
    func claim() async throws -> Int? {
      guard case .call(let claimed) = try await ask() else { return nil }
      return claimed.call.size
    }

    func ask() async throws -> Claim {
      var random = SystemRandomNumberGenerator()
      return try await store.claim(
        ClaimRequest(
          call: CallID(UniqueID(random: &random)),
          worker: worker,
          lengths: GuardTests.lengths
        )
      )
    }
  }

  /// No pace and no limit of calls in flight.
  private static let unhurried = """
    UPDATE codemint.account SET next_slot_at = '-infinity', requests_per_second = 10000, burst = 1000,
      max_in_flight = 1000, max_in_flight_per_reward = 1000;
    INSERT INTO codemint.operator_limits DEFAULT VALUES;
    UPDATE codemint.operator_limits SET requests_per_second = 10000, burst = 1000, max_in_flight = 1000,
      max_in_flight_per_reward = 1000;
    """

  private static func queue(_ jobs: Int, of codes: Int) -> String {
    """
    INSERT INTO codemint.jobs (reward_id, count)
    SELECT gen_random_uuid(), \(codes) FROM generate_series(1, \(jobs));
    """
  }

  @Test("a queue that nobody has accepted an API for is not bought, and everybody sees why")
  func testQueue() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.bystander.script(Self.queue(40, of: 25))
      let daemon = Daemon(ledger, Self.real)
      let block = try #require(try await daemon.live().block)
      #expect(block.code == "api_not_accepted" && !block.probeNow)
      #expect(
        block.message
          == "\(Self.real) has never answered a call of this ledger, and 40 job(s) for 1000 codes "
          + "of 40 reward(s) would be bought there"
      )
      #expect(try await daemon.claim() == nil)
      let seen = try await ledger.bystander.query(
        """
        SELECT (SELECT count(*) FROM codemint.calls) AS calls, (SELECT state FROM codemint.account_status) AS state,
               (SELECT string_agg(DISTINCT w.reason, ',') FROM codemint.waits w) AS reasons
        """
      ).one()
      #expect(try seen.int64("calls") == 0)
      #expect(try seen.text("state") == "unaccepted" && seen.text("reasons") == "api")
      let told = try await ledger.bystander.query(
        "SELECT finding FROM codemint.check_job(gen_random_uuid(), 5) WHERE about = 'account'"
      )
      #expect(try told.one().text(0) == "nothing is sent until an operator has accepted the API")
      _ = try await ledger.bystander.query(
        "SELECT codemint.accept_api($1, 'mine')",
        [.text(Self.real + "/")]
      )
      #expect(try await daemon.live().block == nil)
      #expect(try await daemon.claim() == 25)
    }
  }

  @Test("what an answer says of itself is shown to people, and is no leave to buy codes")
  func standIn() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.bystander.script(Self.queue(2, of: 25))
      let daemon = Daemon(ledger, Self.real)
      let question: Statement = "SELECT codemint.is_stand_in('https://real.example') AS answer"
      #expect(try await !ledger.bystander.query(question).one().bool("answer"))
      let facts = APIFactQueries(pool: ledger.pool)
      for _ in 1...2 { try await facts.record(standIn: Self.real) }
      #expect(try await ledger.bystander.query(question).one().bool("answer"))
      #expect(try await daemon.live().block?.code == "api_not_accepted")
      #expect(try await daemon.claim() == nil)
    }
  }

  @Test(
    "one job of at most 500 codes goes on by itself, and its first answer accepts the API",
    arguments: [(500, 500), (501, nil)] as [(Int, Int?)]
  )
  func small(count: Int, claimed: Int?) async throws {
    try await RealLedger.lend { ledger in
      let daemon = Daemon(ledger, Self.real)
      try await daemon.live()
      try await ledger.bystander.script(Self.queue(1, of: count))
      #expect(try await daemon.claim() == claimed)
      guard claimed != nil else { return }
      // The queue comes before the answer, and waits for it.
      try await ledger.bystander.script(Self.queue(9, of: 9))
      #expect(try await daemon.claim() == nil)
      let row = try await ledger.bystander.query("SELECT job_id, id, reward_id FROM codemint.calls")
        .one()
      let mint = CodeMint()
      let call = Call(
        id: CallID(UniqueID(bits: try row.uuid("id"))),
        job: JobID(try row.int64("job_id")),
        reward: RewardID(UniqueID(bits: try row.uuid("reward_id"))),
        prefix: nil,
        size: count
      )
      let answer = Answer(codes: mint.make(count, of: call.reward), nulls: 0, body: [])
      _ = try await daemon.store.settle(
        SettlementRule.settle(
          call,
          by: daemon.worker,
          lengths: Self.lengths,
          report: CallReport(outcome: .issued(answer), httpStatus: 201, duration: .zero),
          team: nil,
          jitter: 0
        ),
        thenClaim: nil
      ).settled.get()
      try await daemon.live()
      try await ledger.bystander.script("UPDATE codemint.account SET next_slot_at = '-infinity'")
      #expect(try await daemon.claim() == 9)
      let note = try await ledger.bystander.query(
        "SELECT url || ' ' || note FROM codemint.api_acceptances"
      )
      #expect(try note.one().text(0) == "\(Self.real) its first answer")
    }
  }

  @Test("a daemon with another URL sends nothing and lists nothing until somebody accepts it")
  func otherURL() async throws {
    try await RealLedger.lend { ledger in
      let person = ledger.bystander
      try await person.script("SELECT codemint.accept_api('\(Self.real)')")
      let first = Daemon(ledger, Self.real)
      let second = Daemon(ledger, "https://other.example", number: 2)
      #expect(try await first.live().block == nil)
      #expect(try await second.live().block?.code == "api_not_accepted")
      try await person.script(Self.queue(3, of: 700) + Self.unhurried)
      // It does not ask again at once, and again.
      #expect(try await second.ask() == .nothing(wait: nil, due: nil))
      #expect(try await first.claim() == 500)
      // Only the API that the call went to can show what became of it.
      try await person.script(
        """
        INSERT INTO codemint.reward_watches (reward_id, reason, since, listings_left, next_listing_at)
        SELECT reward_id, 'absent_call', '-infinity', 4, now() - interval '1 s' FROM codemint.rewards
        """
      )
      #expect(try await second.store.takeWatch(second.worker, lease: .seconds(9)) == nil)
      #expect(try await first.store.takeWatch(first.worker, lease: .seconds(9)) != nil)
      let doubt = """
        UPDATE codemint.calls SET state = 'in_doubt', effective_until = now() - interval '1 h';
        UPDATE codemint.rewards SET closed_at = now(), in_flight = 0, reconciler_until = NULL;
        """
      try await person.script(doubt)
      #expect(try await second.store.takeDoubt(second.worker, lease: .seconds(9)) == nil)
      await #expect(throws: (any Error).self) {
        try await person.script("SELECT codemint.accept_api('https://other.example')")
      }
      #expect(try await first.store.takeDoubt(first.worker, lease: .seconds(9)) != nil)
      try await person.script(
        """
        UPDATE codemint.calls SET state = 'absent', outstanding = 0;
        UPDATE codemint.jobs SET outstanding = 0;
        UPDATE codemint.rewards SET closed_at = NULL, reconciler_until = NULL;
        SELECT codemint.accept_api('https://other.example', 'moved');
        """
      )
      #expect(try await second.live().block == nil)
      #expect(try await first.live().block?.code == "api_not_accepted")
      #expect(try await first.claim() == nil)
      // The job that has begun there is held; the others go on here.
      var sizes: [Int?] = []
      for _ in 1...4 { sizes.append(try await second.claim()) }
      #expect(sizes.contains(500))
      let held = try await person.query(
        "SELECT count(*) FROM codemint.jobs WHERE held AND error_code = 'other_api' AND api = $1",
        [.text(Self.real)]
      )
      #expect(try held.one().int64(0) == 1)
      let mixed = try await person.query(
        "SELECT count(*) FROM codemint.jobs WHERE api = 'https://other.example' AND state = 'running'"
      )
      #expect(try mixed.one().int64(0) == 2)
    }
  }

  @Test("a producer's jobs above its codes of a day wait for tomorrow, and nobody else's do")
  func producer() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let name = try await shop.query("SELECT session_user::text").one().text(0)
      let settings = try await logins.owner.settings(as: "postgres")
      let pool = Pool(settings, limit: 2)
      let store = PostgresStore(pool: pool)
      let worker = Samples.worker(1)
      _ = try await store.heartbeat(Samples.presence(worker, limits: .standard))
      try await logins.owner.script(Self.unhurried)
      _ = try await logins.owner.query(
        "SELECT codemint.set_quota($1, p_codes_per_day => 700, p_note => 'dear')",
        [.text(name)]
      )
      _ = try await logins.owner.query(
        "SELECT codemint.set_quota($1, p_open_jobs => 900, p_note => 'another limit')",
        [.text(name)]
      )
      try await shop.script(Self.queue(30, of: 30))
      try await shop.script(
        "INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 600)"
      )
      try await logins.owner.script(Self.queue(5, of: 40))
      var random = SystemRandomNumberGenerator()
      for _ in 1...120 {
        _ = try await store.claim(
          ClaimRequest(
            call: CallID(UniqueID(random: &random)),
            worker: worker,
            lengths: Self.lengths
          )
        )
      }
      let asked: Statement = """
        SELECT coalesce(sum(c.size) FILTER (WHERE j.created_by = $1), 0) AS own,
               coalesce(sum(c.size) FILTER (WHERE j.created_by <> $1), 0) AS others
        FROM codemint.calls c JOIN codemint.jobs j ON j.id = c.job_id
        """
      var row = try await logins.owner.query(asked, [.text(name)]).one()
      #expect(try row.int64("own") == 700 && row.int64("others") == 200)
      let waiting = try await logins.owner.query(
        """
        SELECT string_agg(DISTINCT concat_ws('|', w.reason, regexp_replace(w.why, 'at [-0-9: +]+', 'at TIME '),
                 w.until = date_trunc('day', now() AT TIME ZONE 'UTC' + interval '1 day') AT TIME ZONE 'UTC'), ' ')
        FROM codemint.waits w JOIN codemint.jobs j ON j.id = w.job_id
        WHERE w.reason NOT IN ('answers')
        """
      )
      #expect(
        try waiting.one().text(0)
          == "day|the 700 codes that may be asked for in a day (UTC) for jobs of \(name) were asked for, as "
          + "postgres set it at TIME (dear)|t"
      )
      // A raised limit lets them go on at once.
      _ = try await logins.owner.query(
        "SELECT codemint.set_quota($1, p_codes_per_day => 760)",
        [.text(name)]
      )
      _ = try await store.heartbeat(Samples.presence(worker, limits: .standard))
      for _ in 1...20 {
        _ = try await store.claim(
          ClaimRequest(
            call: CallID(UniqueID(random: &random)),
            worker: worker,
            lengths: Self.lengths
          )
        )
      }
      row = try await logins.owner.query(asked, [.text(name)]).one()
      #expect(try row.int64("own") == 760)
      await pool.close()
    }
  }

  @Test(
    "a job of more codes than may be without a look waits for an operator, who approves or cancels it"
  )
  func approval() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let desk = try await logins.login(.operator)
      _ = try await desk.query("SELECT codemint.set_approve_above(1000, 'typed a zero too many')")
      for count in [1000, 1001, 250_000] {
        _ = try await shop.query(
          "INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), $1)",
          [.int4(Int32(count))]
        )
      }
      let state: Statement = """
        SELECT string_agg(concat_ws(' ', j.awaits_approval, j.is_new, j.state), ',' ORDER BY j.id) AS states
        FROM codemint.jobs j
        """
      #expect(
        try await desk.query(state).one().text("states") == "f t queued,t f queued,t f queued"
      )
      // Another guard rail, and a limit of later, say nothing of who had set this one.
      let owner = logins.owner
      try await owner.script(
        "SELECT codemint.set_codes_per_day(9000); SELECT codemint.set_approve_above(7)"
      )
      let setter = try await desk.query("SELECT session_user::text AS name").one().text("name")
      let asks =
        "it asks for 1001 codes, which an operator has to approve: jobs of more than 1000 wait"
      let why = try await desk.query("SELECT why FROM codemint.waits WHERE job_id = 2").one().text(
        0
      )
      #expect(why.hasPrefix("\(asks), as \(setter) set it at "))
      #expect(why.hasSuffix(" (typed a zero too many)"))
      // A producer learns the limit, and not who set it.
      let own = try await shop.query("SELECT why FROM codemint.my_waits WHERE job_id = 2").one()
      #expect(try own.text(0) == asks)
      let day = try await owner.query(
        "SELECT (codemint.guard_at('codes_per_day', clock_timestamp())).set_by AS name"
      )
      #expect(try day.one().text("name") == "postgres")
      await #expect(throws: PostgresError.self) {
        try await shop.script("SELECT codemint.approve_job(2)")
      }
      let words = try await desk.query("SELECT codemint.approve_job(2, 'asked them')").one().text(0)
      #expect(words == "approved: job 2 is queued with 0 of 1001 codes")
      _ = try await desk.query("SELECT codemint.cancel_job(3, 'no')")
      #expect(
        try await desk.query(state).one().text("states") == "f t queued,f t queued,t f cancelled"
      )
      // A job that waited for the approval took no turn of its producer's.
      let places = try await desk.query(
        "SELECT array_agg(j.queue_position ORDER BY j.id)::text FROM codemint.jobs j"
      )
      #expect(try places.one().text(0) == "{10000,20000,NULL}")
      let again = try await desk.query("SELECT codemint.approve_job(2)").one().text(0)
      #expect(again.hasSuffix("nothing was done, because it does not wait for an approval"))
      let kept = try await desk.query(
        "SELECT action || ' ' || note FROM codemint.job_actions ORDER BY id LIMIT 1"
      )
      #expect(try kept.one().text(0) == "approve asked them")
      // Setting one guard rail leaves the other.
      _ = try await desk.query("SELECT codemint.set_codes_per_day(5)")
      #expect(
        try await desk.query("SELECT approve_above FROM codemint.account_status").one().integer(0)
          == 7
      )
    }
  }
}
