import Ledger
import MemoryStore
import Postgres
import Provisioning
import Testing

/// What the view `codemint.api_facts` says after answers and pages. Each test is on the machine's clock:
/// where time has to pass, the facts are made older.
@Suite("what has been seen of the API is kept, and said in words")
struct APIFactTests {
  @Test("a page shows texts, times, their resolution and the order of the list")
  func page() async throws {
    try await withKnownCodes { ledger, codes in
      try await ledger.list(codes.reversed())
      #expect(
        try await ledger.facts().filter { !$0.hasPrefix("clock_offset") } == [
          "answer_resolution millisecond as documented 3",
          "list_order newest_first as documented 3",
          "list_resolution millisecond as documented 3",
          "list_texts same as documented 3", "list_times same as documented 3",
          "prefix literal as documented 3",
        ]
      )
    }
  }

  @Test("a page that differs from the documents in everything is a difference in everything")
  func different() async throws {
    try await withKnownCodes { ledger, codes in
      try await ledger.list(codes.map { $0.shown(text: $0.code.lowercased(), later: 18_000) })
      let facts = try await ledger.facts()
      #expect(facts.contains("list_order not_kept differs 2"))
      #expect(facts.contains("list_texts other differs 3"))
      #expect(facts.contains("list_times other differs 3"))
      try await ledger.bystander.script("DELETE FROM codemint.observed_facts")
      try await ledger.list(codes.map { $0.shown(text: $0.code, later: nil) })
      #expect(
        try await ledger.facts()
          == ["list_texts same as documented 3", "list_times missing differs 3"]
      )
    }
  }

  @Test("of what differs from the documents the last is shown, with when; 300 are kept at most")
  func documents() async throws {
    try await withKnownCodes { ledger, _ in
      let queries = APIFactQueries(pool: ledger.pool)
      try await queries.record(differenceAt: "list data[].status", "the first")
      try await ledger.age(by: "2 days")
      for number in 1...320 {
        try await queries.record(differenceAt: "list \(number)", "difference \(number)")
      }
      #expect(
        try await ledger.bystander.query(
          "SELECT count(*) AS number FROM codemint.observed_facts WHERE fact = 'documents'"
        ).one().int64("number") == 300
      )
      var seen = try await ledger.seen("documents")
      #expect(seen.count == 1)
      #expect(seen[0].hasPrefix("Answers differ from the API's documents, last: "))
      #expect(seen[0].contains(" difference 299 at 2"))
      #expect(seen[0].hasSuffix(" UTC (300 difference(s) in all)"))
      // One that is known is renewed, however many there are.
      try await queries.record(differenceAt: "list data[].status", "the first")
      seen = try await ledger.seen("documents")
      #expect(seen.count == 1 && seen[0].contains("last: the first at "))
    }
  }

  @Test("of limits that headers name the last one is shown")
  func rateLimit() async throws {
    try await withKnownCodes { ledger, _ in
      let queries = APIFactQueries(pool: ledger.pool)
      try await queries.record("rate_limit", "10", witnesses: 1)
      try await ledger.age(by: "2 hours")
      try await queries.record("rate_limit", "2.5", witnesses: 1)
      #expect(
        try await ledger.seen("rate_limit") == ["The API's headers allow 2.5 requests per second"]
      )
    }
  }

  @Test("a fact is written when it is new, and then at most once an hour")
  func hourly() async throws {
    try await withKnownCodes { ledger, codes in
      for (isLater, witnesses) in [(false, 3), (false, 3), (true, 6)] {
        if isLater { try await ledger.age(by: "1 hour") }
        try await ledger.list(codes)
        #expect(
          try await ledger.facts().contains("list_texts same as documented \(witnesses)")
        )
      }
    }
  }

  @Test("two values that exclude each other contradict each other, for a week")
  func contradiction() async throws {
    try await withKnownCodes { ledger, codes in
      let overview = OverviewQueries(pool: ledger.pool)
      try await ledger.list(codes)
      #expect(try await overview.gauges().contradictedFacts == 0)
      #expect(try await ledger.contradictions() == nil)

      try await ledger.list(codes.map { $0.shown(text: $0.code.lowercased(), later: 0) })
      let facts = try await ledger.facts()
      #expect(facts.contains("list_texts same contradicted 3"))
      #expect(facts.contains("list_texts other contradicted 3"))
      #expect(try await overview.gauges().contradictedFacts == 1)
      let words = "list_texts was seen as other and as same: see codemint.api_facts"
      #expect(try await ledger.contradictions() == words)

      // The API has changed for good, so it contradicts itself no more.
      try await ledger.age(by: "8 days")
      try await ledger.list(codes.map { $0.shown(text: $0.code.lowercased(), later: 0) })
      #expect(try await overview.gauges().contradictedFacts == 0)
      #expect(try await ledger.facts().contains("list_texts other differs 6"))
      // It has changed back.
      try await ledger.list(codes)
      #expect(try await overview.gauges().contradictedFacts == 1)
    }
  }

  @Test("prefixes are counted, and one that is contradicted is shown by itself")
  func prefixes() async throws {
    try await withKnownCodes { ledger, _ in
      let reward = Samples.reward(1)
      for (prefix, value) in [("A", "literal"), ("B", "literal"), ("C", "altered")] {
        try await ledger.record("prefix", "\(reward) \(prefix)", value)
      }
      #expect(
        try await ledger.seen("prefix") == [
          "Codes begin with the prefix that was asked for: 3 prefix(es)",
          "Codes do not begin with the prefix as it was asked for: 1 prefix(es)",
        ]
      )
      try await ledger.record("prefix", "\(reward) C", "literal")
      #expect(
        try await ledger.seen("prefix") == [
          "Codes begin with the prefix that was asked for: 3 prefix(es)",
          "Codes begin with the prefix that was asked for: reward \(reward), C",
          "Codes do not begin with the prefix as it was asked for: reward \(reward), C",
        ]
      )
    }
  }

  @Test("the largest page, what it was asked for, and the longest lag of a list are kept")
  func listings() async throws {
    try await withKnownCodes { ledger, _ in
      func note(_ page: Int, behind: Duration?) async throws {
        try await ledger.store.note(
          ListingSight(reward: Samples.reward(1), largestPage: page, asked: 1000, behind: behind)
        )
      }
      for page in [40, 100, 70] { try await note(page, behind: nil) }
      let largest = "The largest page of a list had 100 codes, 1000 were asked for"
      #expect(try await ledger.seen("list_page") == [largest])
      #expect(try await ledger.seen("list_lag") == [])

      try await ledger.bystander.script(
        "UPDATE codemint.calls SET settled_at = clock_timestamp() - interval '90.5 seconds'"
      )
      try await note(40, behind: .seconds(60))
      try await note(40, behind: .seconds(85))
      #expect(
        try await ledger.seen("list_lag")
          == ["A list was behind a clean answer by 00:00:30 or more"]
      )
      // A clean answer that is younger than the reading proves nothing.
      try await ledger.bystander.script("DELETE FROM codemint.observed_facts")
      try await note(0, behind: .seconds(100))
      #expect(try await ledger.facts() == [])
    }
  }

  @Test("an offset that is a time zone is named as one")
  func zones() async throws {
    try await RealLedger.lend { ledger in
      let rows = try await ledger.bystander.query(
        """
        SELECT codemint.name_offset((minutes * 60000000)::bigint) AS name
        FROM unnest(ARRAY[0, 0.3, 300, -210.5, 345, -15, 7, 100000]) WITH ORDINALITY AS o (minutes)
        ORDER BY ordinality
        """
      )
      #expect(
        try rows.map { try $0.text("name") }
          == ["+00:00", "+00:00", "+05:00", "-03:30", "+05:45", "-00:15", "no zone", "no zone"]
      )
      try await ledger.record("clock_offset", "", "+05:00")
      #expect(
        try await ledger.seen("clock_offset")
          == ["createdAt is +05:00 off: a time zone that is not said"]
      )
    }
  }

  @Test("a sync pass shows times of lists too, once an hour")
  func sync() async throws {
    try await withKnownCodes { ledger, _ in
      let record: Statement = """
        SELECT codemint.record_tracked_times(ARRAY(
          SELECT jsonb_populate_record(NULL::codemint.received_code, to_jsonb(k))
          FROM codemint.codes k))
        """
      _ = try await ledger.bystander.query(record)
      _ = try await ledger.bystander.query(record)
      #expect(try await ledger.facts().contains("list_times same as documented 3"))
      #expect(try await ledger.facts().contains("list_resolution millisecond as documented 3"))
    }
  }

  @Test("nobody waits for whoever is writing a fact")
  func locked() async throws {
    try await withKnownCodes { ledger, codes in
      try await ledger.bystander.script(
        "BEGIN; SELECT codemint.record_fact('list_texts', '', 'same', 1)"
      )
      try await ledger.list(codes)
      try await ledger.bystander.script("COMMIT")
      #expect(try await ledger.facts().contains("list_texts same as documented 1"))
      #expect(try await !ledger.facts().contains { $0.hasPrefix("list_times") })
    }
  }

  @Test("operators and readers see the facts; a producer sees only whether some are contradicted")
  func roles() async throws {
    try await Logins.lend { logins in
      try await logins.owner.script(
        """
        SELECT codemint.record_fact('list_texts', '', 'same', 1);
        SELECT codemint.record_fact('list_texts', '', 'other', 1);
        """
      )
      for role in [Role.operator, .reader] {
        let person = try await logins.login(role)
        #expect(try await person.query("SELECT * FROM codemint.api_facts").count == 2)
      }
      let producer = try await logins.login(.producer)
      let status = try await producer.query("SELECT * FROM codemint.account_status").one()
      #expect(try status.optionalText("api_contradictions") != nil)
      let refused = await failure { () throws(PostgresError) in
        try await producer.query("SELECT * FROM codemint.api_facts")
      }
      #expect(refused?.sqlState == "42501")
    }
  }

  /// Lends a ledger with a job whose three codes a clean answer has shown, made a second apart.
  private func withKnownCodes(_ body: (RealLedger, [IssuedCode]) async throws -> Void) async throws
  {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      let request = JobRequest(reward: Samples.reward(1).description, count: 3, prefix: "SUMMER")
      _ = try await JobQueries(pool: ledger.pool).enqueue(request)
      let claim = ClaimRequest(
        call: Samples.call(1),
        worker: Samples.worker(1),
        lengths: Samples.lengths()
      )
      guard case .call(let claimed) = try await ledger.store.claim(claim) else {
        throw MissingRow("call to claim")
      }
      let codes = CodeMint().make(3, of: Samples.reward(1), prefix: "SUMMER").enumerated()
        .map { $1.shown(text: $1.code, later: Int64($0), milliseconds: 7) }
      let outcome = CallOutcome.issued(Answer(codes: codes, nulls: 0, body: []))
      let settlement = SettlementRule.settle(
        claimed.call,
        by: Samples.worker(1),
        lengths: Samples.lengths(),
        report: CallReport(outcome: outcome, httpStatus: 201, duration: .milliseconds(70)),
        team: nil,
        jitter: 0
      )
      _ = try await ledger.store.settle(settlement, thenClaim: nil).settled.get()
      try await body(ledger, codes)
    }
  }
}

extension RealLedger {
  /// Weighs these codes as a page of the first reward's list.
  fileprivate func list(_ codes: [IssuedCode]) async throws {
    _ = try await store.weigh(
      codes,
      unreadable: [],
      of: Samples.reward(1),
      in: nil,
      worker: Samples.worker(1)
    )
  }

  fileprivate func record(_ fact: String, _ subject: String, _ value: String) async throws {
    _ = try await bystander.query(
      "SELECT codemint.record_fact($1, $2, $3, 1)",
      [.text(fact), .text(subject), .text(value)]
    )
  }

  /// Lets so much time pass for what is known.
  fileprivate func age(by time: String) async throws {
    try await bystander.script(
      """
      UPDATE codemint.observed_facts
      SET first_seen_at = first_seen_at - interval '\(time)',
          last_seen_at = last_seen_at - interval '\(time)',
          contradicted_at = contradicted_at - interval '\(time)'
      """
    )
  }

  /// Each fact: what it is about, its value, its state and its witnesses.
  fileprivate func facts() async throws -> [String] {
    try await bystander.query(
      """
      SELECT concat_ws(' ', fact, value, state, witnesses) AS line
      FROM codemint.api_facts WHERE means IS NOT NULL ORDER BY fact, value DESC
      """
    ).map { try $0.text("line") }
  }

  /// What was seen, in words.
  fileprivate func seen(_ fact: String) async throws -> [String] {
    try await bystander.query(
      "SELECT seen FROM codemint.api_facts WHERE fact = $1 ORDER BY seen",
      [.text(fact)]
    ).map { try $0.text("seen") }
  }

  fileprivate func contradictions() async throws -> String? {
    try await bystander.query("SELECT api_contradictions FROM codemint.account_status").one()
      .optionalText("api_contradictions")
  }
}

extension IssuedCode {
  /// The same code as a list shows it: with this text, and made so many seconds later than it was, or at
  /// an unknown time.
  fileprivate func shown(text: String, later: Int64?, milliseconds: Int64 = 0) -> IssuedCode {
    let micros = createdAt.flatMap { made in
      later.map { made.microseconds / 1000 * 1000 + $0 * 1_000_000 + milliseconds * 1000 }
    }
    return IssuedCode(
      id: id,
      reward: reward,
      code: text,
      status: status,
      createdAt: micros.map(Timestamp.init(microseconds:)),
      expiresAt: nil,
      updatedAt: nil,
      externalIDs: externalIDs,
      syncStatus: syncStatus
    )
  }
}
