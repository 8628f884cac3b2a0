import Foundation
import Sandbox
import Testing

@Suite("A call that listing cannot decide", .timeLimit(Patience.limit))
struct HeldCallTests {
  @Test("rule 15: it is held with the codes that were found; a person adopts them, the job goes on")
  func adopted() async throws {
    try await Self.playHeld { stage, call in
      let resolve = try stage.codemint(["resolve", call, "adopt", "--note", "seen in the shop"])
      #expect(try await resolve.end() == .status(0))
      let words = try await resolve.output.whole().joined()
      #expect(words.contains("call \(call) is adopted"))
      try await stage.database.allEnded()
      #expect(try await stage.count() == Stage.Count(stored: 50, distinct: 50, made: 50))
      #expect(try await stage.database.unsound() == [])
      let kept = try await stage.database.texts(
        "SELECT resolution_note FROM codemint.calls WHERE resolved_by IS NOT NULL"
      )
      #expect(kept == ["seen in the shop"])

      let again = try stage.codemint(["resolve", call, "absent", "--note", "no"])
      #expect(try await again.end() == .status(65))
      #expect(try await again.errors.whole().joined().contains("is adopted and not held"))

      let json = try stage.codemint(["resolve", call, "absent", "--note", "no", "--json"])
      #expect(try await json.end() == .status(65))
      let data = Data(try await json.output.whole().joined(separator: "\n").utf8)
      let outcome = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
      #expect(outcome["call"] as? String == call && outcome["done"] as? Bool == false)
      #expect((outcome["outcome"] as? String)?.contains("is adopted and not held") == true)
    }
  }

  @Test("rule 15: or says that it made none; what it did make stays set aside, and audit shows it")
  func absent() async throws {
    try await Self.playHeld { stage, call in
      let resolve = try stage.codemint(["resolve", call, "absent", "--note", "not ours"])
      #expect(try await resolve.end() == .status(0))
      try await stage.database.allEnded()
      #expect(try await stage.database.unsound() == [])
      #expect(
        try await stage.database.number("SELECT count(*) FROM codemint.unattributed_codes") == 20
      )
      let audit = try stage.codemint(["audit", Reward.first])
      #expect(try await audit.end() == .status(1))
      let lines = try await audit.output.whole()
      #expect(lines.contains("  20 are in codemint.unattributed_codes, for a person to decide"))
    }
  }

  @Test("resolve says what it cannot do, with the status that says so")
  func refused() async throws {
    try await Stage.play { stage in
      let call = "00000000-0000-4000-8000-000000000001"
      let endings: [([String], Int32, String)] = [
        (["resolve", call, "adopt"], 64, "--note"),
        (["resolve", call, "perhaps", "--note", "x"], 64, "perhaps"),
        (["resolve", "--note", "x"], 64, "call"),
        (["resolve", call, "adopt", "--note", " "], 65, "a note says why"),
        (["resolve", call, "adopt", "--note", "x"], 65, "there is no call"),
        (["resolve", "no-uuid", "absent", "--note", "x"], 64, "UUID"),
      ]
      for (arguments, status, words) in endings {
        let process = try stage.codemint(arguments)
        #expect(try await process.end() == .status(status), "\(arguments)")
        #expect(try await process.errors.whole().joined().contains(words), "\(arguments)")
      }
    }
  }

  /// Plays until a call that asked for 50 codes and made 20, without a prefix, is held.
  private static func playHeld(_ body: @Sendable (Stage, String) async throws -> Void) async throws
  {
    let part = FaultRule(.generate, .status(500, made: .part(20)), times: 1)
    let api = SandboxConfiguration(faults: FaultPlan(rules: [part]))
    try await Stage.play(api: api) { stage in
      let daemon = try stage.daemon(Stage.hasty)
      try await stage.database.insert(Job(Reward.first, 50))
      try await stage.database.until("EXISTS (SELECT FROM codemint.calls WHERE state = 'in_doubt')")
      // The call may take effect for a minute yet; the test's clock is moved past that.
      try await stage.database.run(
        """
        UPDATE codemint.calls SET effective_until = clock_timestamp() - interval '10 minutes'
        WHERE state = 'in_doubt'
        """
      )
      try await daemon.errors.line("job held, a doubtful call needs a person")
      let calls = try await stage.database.texts(
        "SELECT call_id FROM codemint.doubts WHERE hold_reason IS NOT NULL AND codes_found = 20"
      )
      try await body(stage, try #require(calls.first))
    }
  }
}
