import Backstage
import Foundation
import Testing

/// Names that no resolver knows: RFC 6761 keeps .invalid for that.
@Suite("Hosts that do not resolve", .timeLimit(Patience.limit))
struct UnknownHostTests {
  @Test(
    "of the API: no call is in doubt, waits and doctor name the host, and it goes on under the right name"
  )
  func api() async throws {
    try await Stage.play { stage in
      let database = stage.database
      let wrong = ["CODEMINT_API_BASE_URL": "https://api.codemint.invalid"]
      let daemon = try stage.daemon(wrong)
      try await database.insert(Job(Reward.first, 20))
      try await Patience.until {
        try await database.holds(
          """
          EXISTS (SELECT FROM codemint.waits
                  WHERE reason IN ('pause', 'failing', 'slots') AND why LIKE '%api.codemint.invalid%')
          """
        )
      }
      #expect(
        try await database.holds(
          "NOT EXISTS (SELECT FROM codemint.calls WHERE state <> 'unsent' AND state <> 'sending')"
        )
      )
      let doctor = try stage.codemint(["doctor"], wrong)
      #expect(try await doctor.end() == .status(1))
      #expect(
        try await doctor.output.whole().contains {
          $0.hasPrefix("failed   API") && $0.contains("api.codemint.invalid")
        }
      )
      daemon.send(SIGTERM)
      #expect(try await daemon.end() == .status(0))
    }
  }

  @Test(
    "of the database: the daemon says which once and waits; doctor fails; a command ends with 75"
  )
  func database() async throws {
    try await Stage.play(.empty) { stage in
      let wrong = ["CODEMINT_DATABASE_URL": "postgresql://codemint@db.codemint.invalid/codemint"]
      let daemon = try stage.daemon(wrong)
      let line = try await daemon.errors.line(
        "the database does not answer; trying until it does"
      )
      #expect(line.contains("db.codemint.invalid"))
      let doctor = try stage.codemint(["doctor"], wrong)
      #expect(try await doctor.end() == .status(1))
      #expect(
        try await doctor.output.whole().contains {
          $0.hasPrefix("failed   database") && $0.contains("db.codemint.invalid")
        }
      )
      let status = try stage.codemint(["status"], wrong)
      #expect(try await status.end() == .status(75))
      #expect(try await status.everything().joined().contains("db.codemint.invalid"))
      daemon.send(SIGTERM)
      #expect(try await daemon.end() == .status(0))
    }
  }
}
