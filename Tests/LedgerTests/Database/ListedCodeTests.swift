import Ledger
import MemoryStore
import Postgres
import Provisioning
import Testing

/// Codes that only a listing has shown, as the reconciler and the watcher leave them.
@Suite("what an answer makes of codes that a listing had shown")
struct ListedCodeTests {
  @Test("rule 6: a late answer replaces the text and the time of what was adopted from a listing")
  func replaced() async throws {
    try await withDoubt { ledger, call, codes in
      try await Self.store(codes, of: call.id, job: call.job, as: "counted", ledger)
      try await Self.decide(call, "adopted", ledger)
      let settled = try await Self.answer(call, codes, ledger)
      #expect(settled.issued == 0 && settled.surplus == 0 && settled.call == .adopted)
      let rows = try await Self.rows(ledger)
      #expect(try rows.map { try $0.text("code") } == codes.map(\.code))
      #expect(try rows.allSatisfy { try $0.bool("from_answer") })
      #expect(
        try rows.map { try $0.timestamptz("made") } == codes.map { $0.createdAt?.microseconds }
      )
      // The listing had shown a change that is later than the answer.
      #expect(try rows.allSatisfy { try $0.text("status") == "redeemed" })
    }
  }

  @Test("rule 7: codes that were only surplus from a listing are new, and the call is issued")
  func surplus() async throws {
    try await withDoubt { ledger, call, codes in
      let stranger = Samples.call(99)
      try await Self.store(codes, of: stranger, job: call.job, as: "surplus", ledger)
      let settled = try await Self.answer(call, codes, ledger)
      #expect(settled.issued == 3 && settled.call == .issued && settled.job == .completed)
      let rows = try await Self.rows(ledger)
      #expect(try rows.allSatisfy { try $0.uuid("call_id") == call.id.id.bits })
      #expect(try await Self.number("SELECT surplus::bigint FROM codemint.jobs", ledger) == 0)
    }
  }

  @Test("rule 7: codes credited to another call from a listing are new, and stay where they are")
  func credited() async throws {
    try await withDoubt { ledger, call, codes in
      let other = try await ledger.insert(3, of: Samples.reward(2))
      try await Self.store(codes, of: Samples.call(99), job: other, as: "counted", ledger)
      let settled = try await Self.answer(call, codes, ledger)
      #expect(settled.issued == 0 && settled.surplus == 0 && settled.call == .issued)
      let rows = try await Self.rows(ledger)
      #expect(try rows.allSatisfy { try $0.uuid("call_id") == Samples.call(99).id.bits })
      #expect(
        try await Self.number("SELECT max(outstanding)::bigint FROM codemint.jobs", ledger) == 0
      )
    }
  }

  @Test("rule 10: an answer whose codes count for another call is no clean one, and no reference")
  func notClean() async throws {
    try await withDoubt(isSending: true) { ledger, call, codes in
      let other = try await ledger.insert(3, of: Samples.reward(2))
      try await Self.store(codes, of: Samples.call(99), job: other, as: "counted", ledger)
      #expect(try await Self.answer(call, codes, ledger).call == .issued)
      let facts = try await ledger.bystander.facts()
      #expect(try facts.reward(Samples.reward(1)).newestCall == nil)
      #expect(facts.account.provenReward == nil)
    }
  }

  @Test(
    "rule 14: surplus that names no call is not used by the job, which asks for all of its codes"
  )
  func later() async throws {
    try await withDoubt { ledger, call, codes in
      try await Self.store(codes, of: nil, job: call.job, as: "surplus", ledger)
      try await Self.decide(call, "absent", ledger)
      let request = ClaimRequest(
        call: Samples.call(2),
        worker: Samples.worker(1),
        lengths: Samples.lengths()
      )
      _ = try await ledger.store.heartbeat(
        Samples.presence(Samples.worker(1), limits: Scene.fast)
      )
      guard case .call(let claimed) = try await ledger.store.claim(request) else {
        Issue.record("nothing was claimed")
        return
      }
      #expect(claimed.call.size == 3)
    }
  }

  /// Lends a ledger with a call for three codes, in doubt or sending, and those codes as an answer shows them.
  private func withDoubt(
    isSending: Bool = false,
    _ body: (RealLedger, Call, [IssuedCode]) async throws -> Void
  ) async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(3, of: Samples.reward(1))
      let request = ClaimRequest(
        call: Samples.call(1),
        worker: Samples.worker(1),
        lengths: Samples.lengths()
      )
      guard case .call(let claimed) = try await ledger.store.claim(request) else {
        throw MissingRow("call to claim")
      }
      if !isSending {
        _ = try await Self.settle(claimed.call, .unknown(.unreadable("cut")), ledger)
      }
      try await body(ledger, claimed.call, CodeMint().make(3, of: Samples.reward(1)))
    }
  }

  /// Stores codes as a listing shows them: in small letters, made at another time, and redeemed since.
  private static func store(
    _ codes: [IssuedCode],
    of call: CallID?,
    job: JobID,
    as kind: String,
    _ ledger: RealLedger
  ) async throws {
    for code in codes {
      _ = try await ledger.bystander.query(
        """
        INSERT INTO codemint.codes
          (id, job_id, call_id, reward_id, code, status, sync_status, external_ids, created_at,
           updated_at, surplus, from_answer)
        VALUES ($1, $2, $3, $4, $5, 'redeemed', 'none', '{}', now(), now(), $6, false)
        """,
        [
          .uuid(code.id.id.bits), .int8(job.number), .uuid(call?.id.bits),
          .uuid(code.reward.id.bits), .text(code.code.lowercased()), .bool(kind == "surplus"),
        ]
      )
    }
    _ = try await ledger.bystander.query(
      """
      UPDATE codemint.jobs
      SET issued = issued + CASE WHEN $2 THEN 0 ELSE $3 END,
          surplus = surplus + CASE WHEN $2 THEN $3 ELSE 0 END,
          outstanding = CASE WHEN $2 THEN outstanding ELSE 0 END,
          is_new = is_new AND $2,
          queue_position = CASE WHEN $2 THEN queue_position END,
          next_call_at = CASE WHEN $2 THEN next_call_at END
      WHERE id = $1
      """,
      [.int8(job.number), .bool(kind == "surplus"), .int4(call == nil ? 0 : 3)]
    )
  }

  /// Decides the call as a reconciler does.
  private static func decide(_ call: Call, _ state: String, _ ledger: RealLedger) async throws {
    try await ledger.bystander.script(
      """
      UPDATE codemint.calls SET state = '\(state)', outstanding = 0 WHERE id = '\(call.id)';
      UPDATE codemint.rewards SET closed_at = NULL;
      UPDATE codemint.jobs SET outstanding = 0, next_call_at = now() WHERE issued < count;
      UPDATE codemint.jobs SET state = 'completed', finished_at = now() WHERE issued = count;
      """
    )
  }

  private static func answer(_ call: Call, _ codes: [IssuedCode], _ ledger: RealLedger)
    async throws -> SettleReceipt
  {
    try await settle(call, .issued(Answer(codes: codes, nulls: 0, body: [])), ledger)
  }

  private static func settle(_ call: Call, _ outcome: CallOutcome, _ ledger: RealLedger)
    async throws -> SettleReceipt
  {
    let settlement = SettlementRule.settle(
      call,
      by: Samples.worker(1),
      lengths: Samples.lengths(),
      report: CallReport(outcome: outcome, httpStatus: 201, duration: .milliseconds(70)),
      team: nil,
      jitter: 0
    )
    return try await ledger.store.settle(settlement, thenClaim: nil).settled.get()
  }

  private static func rows(_ ledger: RealLedger) async throws -> Rows {
    try await ledger.bystander.query(
      """
      SELECT call_id, code, status, from_answer, created_at AS made
      FROM codemint.codes ORDER BY id
      """
    )
  }

  private static func number(_ query: String, _ ledger: RealLedger) async throws -> Int64 {
    try await ledger.bystander.query(Statement(query)).one().int64(0)
  }
}
