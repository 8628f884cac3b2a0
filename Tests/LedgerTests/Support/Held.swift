import MemoryStore
import Postgres
import Provisioning
import Testing

/// A reward with held calls, one for each prefix, and codes that were set aside for them.
struct Held {
  let scene: Scene
  let connection: Connection
  let job: JobID
  let calls: [CallID]

  static func lend(
    prefixes: [String?] = [nil],
    isHeld: Bool = true,
    reason: HoldReason = .unexplained,
    unattributed: [IssuedCode] = CodeMint().make(3, of: Scene.reward),
    _ body: (Held) async throws -> Void
  ) async throws {
    try await PostgresUnderTest.lend { ledger in
      guard let postgres = ledger as? PostgresUnderTest else { return }
      try await Scene.over(ledger) { scene in
        var jobs: [JobID] = []
        var calls: [CallID] = []
        for prefix in prefixes {
          jobs.append(try await scene.insert(10, prefix: prefix))
          calls.append(try await scene.claim().call.id)
        }
        try await scene.ledger.pass(.seconds(11))
        try await scene.heartbeat()
        if isHeld {
          let doubt = try await scene.doubt()
          try await scene.decide(doubt, finding: unattributed) { decision in
            decision.held = doubt.calls.map(\.call.id)
            decision.holdReason = reason
            decision.unattributed = unattributed.ids
          }
        }
        try await body(
          Held(scene: scene, connection: postgres.bystander, job: jobs[0], calls: calls)
        )
      }
    }
  }

  /// What the view of doubts says of the first call in this column.
  func explained(_ column: Column) async throws -> String {
    try await connection.query(
      "SELECT * FROM codemint.doubts WHERE call_id = $1",
      [.uuid(calls[0].id.bits)]
    ).one().text(column)
  }

  func resolve(_ call: CallID, _ decision: String, _ note: String) async throws -> String {
    try await connection.query(
      "SELECT codemint.resolve_call($1, $2, $3) AS words",
      [.uuid(call.id.bits), .text(decision), .text(note)]
    ).one().text("words")
  }

  func refuses(
    _ call: CallID,
    _ decision: String,
    _ note: String,
    _ sqlState: String,
    _ words: String
  ) async throws {
    do {
      _ = try await resolve(call, decision, note)
      Issue.record("not refused: \(words)")
    } catch let error as PostgresError {
      #expect(error.sqlState == sqlState && error.message.contains(words), "\(error)")
    }
  }
}
