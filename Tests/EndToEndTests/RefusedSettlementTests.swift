import Backstage
import Foundation
import Postgres
import Sandbox
import Testing

@Suite("Settlements that somebody's trigger refuses", .timeLimit(Patience.limit))
struct RefusedSettlementTests {
  private static let triggers = [
    "BEFORE INSERT ON codemint.codes", "BEFORE UPDATE ON codemint.calls",
    "BEFORE UPDATE OF issued ON codemint.jobs",
  ]

  @Test(
    "waits says what refuses, without codes; the answer is kept; it goes on when the trigger is gone",
    arguments: triggers
  )
  func refused(trigger: String) async throws {
    try await Stage.play { stage in
      let database = stage.database
      try await stage.refuse(trigger)
      let daemon = try stage.daemon(["CODEMINT_LEASE_SECONDS": "5", "CODEMINT_POLL_SECONDS": "1"])
      try await database.insert(Job(Reward.first, 20))
      try await Patience.until {
        try await database.holds("EXISTS (SELECT FROM codemint.waits WHERE reason = 'unsettled')")
      }
      let why = try await database.texts(
        "SELECT concat_ws(' | ', why, what_to_do, since IS NOT NULL) FROM codemint.waits"
      )[0]
      let table = trigger.split(separator: " ").last ?? ""
      // COPY tells the function that refuses, an UPDATE also the trigger.
      let refuser = table.hasSuffix("codes") ? "refuse()" : "refuse on \(table)"
      for words in ["P0001", "not this one", refuser, "is kept", "mend or drop"] {
        #expect(why.contains(words), "\(why)")
      }
      #expect(try await database.holds("EXISTS (SELECT FROM codemint.answers)"))
      // The heartbeat works, whatever becomes of the lease.
      try await database.until(
        "(SELECT count(DISTINCT failures) = 1 AND min(failures) >= 4 FROM codemint.refused_settlements)"
      )
      // On a busy machine the daemon may seem gone for a moment.
      try await Patience.until {
        try await database.texts("SELECT reason FROM codemint.waits") == ["unsettled"]
      }
      let begins = "the database refuses; trying until somebody has repaired it"
      #expect(daemon.errors.count(begins) == 1)

      try await database.run("DROP TRIGGER refuse ON \(table); NOTIFY codemint_control")
      try await database.allEnded()
      #expect(try await database.unsound() == [])
      try await Patience.until {
        try await database.holds(
          """
          NOT EXISTS (SELECT FROM codemint.refused_settlements)
          AND NOT EXISTS (SELECT FROM codemint.answers)
          """
        )
      }
      for code in stage.sandbox.truth.everyCode {
        #expect(!why.contains(code.code.code) && daemon.errors.count(code.code.code) == 0)
      }
    }
  }
}
