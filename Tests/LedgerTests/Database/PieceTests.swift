import Ledger
import MemoryStore
import Postgres
import Provisioning
import Testing

/// A list can show more unknown codes than one transaction can move before its deadline.
@Suite("rule 13: many codes are moved in pieces")
struct PieceTests {
  @Test("codes for a held call are set aside before the decision, and adopted by a person's word")
  func held() async throws {
    try await play { scene, connection in
      let id = try await scene.insert(500)
      let call = try await scene.doubtfulCall().call
      let doubt = try await scene.doubt()
      let codes = try await stage(25_000, connection)
      var decision = DoubtDecision(
        reward: doubt.reward,
        listing: Self.listing,
        judged: [call.id]
      )
      decision.held = [call.id]
      decision.holdReason = .unexplained
      for first in stride(from: 0, to: codes.count, by: Bounds.decisionPiece) {
        #expect(
          try await scene.ledger.store.setAside(
            Array(codes[first...].prefix(Bounds.decisionPiece)),
            in: Self.listing,
            of: doubt.reward,
            for: call.id,
            worker: Scene.worker
          )
        )
      }
      #expect(try await scene.ledger.store.decide(decision, worker: Scene.worker).isDone)
      let kept = try await connection.query(
        "SELECT count(*) AS number FROM codemint.unattributed_codes"
      ).one()
      #expect(try kept.int64("number") == 25_000)
      _ = try await connection.query(
        "SELECT codemint.resolve_call($1, 'adopt', 'why')",
        [.uuid(call.id.id.bits)]
      )
      #expect(try await scene.job(id).state == .completed)
    }
  }

  @Test("a watch records a piece at a time, oldest first, and tells when the last is recorded")
  func watched() async throws {
    try await play { scene, connection in
      let id = try await scene.insert(12_000)
      _ = try await connection.query("SELECT codemint.accept_cluster('restored')")
      let watch = try await scene.watch()
      _ = try await stage(25_000, connection)
      let finding = WatchFinding(
        reward: watch.reward,
        listing: Self.listing,
        listedUntil: watch.now,
        isBelieved: true
      )
      #expect(try await scene.conclude(finding) == .more(issued: 10_000, surplus: 0))
      #expect(try await scene.reward().awaitsListing)
      let ended = [EndedJob(job: id, state: .completed)]
      #expect(
        try await scene.conclude(finding) == .more(issued: 2000, surplus: 8000, ended: ended)
      )
      #expect(try await scene.conclude(finding) == .done(issued: 0, surplus: 5000))
      #expect(try await scene.conclude(finding) == .lost)
      #expect(try await !scene.reward().awaitsListing)
      let calls = try await scene.ledger.facts(withCodes: false).calls.values
      #expect(calls.count == 24 && calls.allSatisfy { $0.state == .adopted && $0.call.size == 500 })
    }
  }

  @Test("a finding is void if the database lost in a crash what was staged")
  func crashed() async throws {
    try await play { scene, connection in
      _ = try await scene.insert(10)
      _ = try await connection.query("SELECT codemint.accept_cluster('restored')")
      let watch = try await scene.watch()
      let finding = try await scene.finding(watch, scene.mint.make(10, of: Scene.reward))
      try await connection.script("TRUNCATE codemint.listed_codes")
      #expect(try await scene.conclude(finding) == .lost)
      #expect(try await scene.reward().awaitsListing)
    }
  }

  @Test("what a listing has left is deleted in pieces by the heartbeats that follow")
  func forgotten() async throws {
    try await play { scene, connection in
      _ = try await scene.insert(10)
      _ = try await scene.doubtfulCall()
      let doubt = try await scene.doubt()
      _ = try await stage(15_000, connection)
      try await scene.heartbeat()
      #expect(try await staged(connection) == 15_000)
      try await scene.ledger.store.leave(
        doubt.reward,
        worker: Scene.worker,
        pause: .zero,
        counts: nil
      )
      try await scene.heartbeat()
      #expect(try await staged(connection) == 5000)
      try await scene.heartbeat()
      #expect(try await staged(connection) == 0)
    }
  }

  private static let listing = Samples.listing(9)

  /// Stages codes as a listing of the taken reward does.
  private func stage(_ number: Int, _ connection: Connection) async throws -> [CodeID] {
    _ = try await connection.query(
      "UPDATE codemint.rewards SET listing = $1 WHERE reconciler IS NOT NULL",
      [.uuid(Self.listing.id.bits)]
    )
    return try await connection.query(
      """
      INSERT INTO codemint.listed_codes
        (listing, id, reward_id, code, status, sync_status, external_ids, created_at)
      SELECT $1, ('dddddddd-0000-0000-0000-' || lpad(to_hex(n), 12, '0'))::uuid, $2, 'CODE-' || n,
             'available', 'none', '{}', to_timestamp(1000000000 + n)
      FROM generate_series(1, $3) AS n
      RETURNING id
      """,
      [.uuid(Self.listing.id.bits), .uuid(Scene.reward.id.bits), .int4(Int32(number))]
    ).map { CodeID(UniqueID(bits: try $0.uuid("id"))) }
  }

  private func staged(_ connection: Connection) async throws -> Int64 {
    try await connection.query("SELECT count(*) AS number FROM codemint.listed_codes").one()
      .int64("number")
  }

  private func play(_ body: (Scene, Connection) async throws -> Void) async throws {
    try await PostgresUnderTest.lend { ledger in
      guard let postgres = ledger as? PostgresUnderTest else { return }
      try await Scene.over(ledger) { try await body($0, postgres.bystander) }
    }
  }
}
