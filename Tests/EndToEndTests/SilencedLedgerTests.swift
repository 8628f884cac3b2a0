import Backstage
import Foundation
import Sandbox
import Testing

@Suite("Rows that somebody keeps out in silence", .timeLimit(Patience.limit))
struct SilencedLedgerTests {
  @Test(
    "a rule that keeps the account from being written: all say which, no request leaves, and all goes on afterwards"
  )
  func rule() async throws {
    try await Stage.play { stage in
      let database = stage.database
      let web = try Web()
      let daemon = try stage.daemon([
        "CODEMINT_HTTP_LISTEN": web.address, "CODEMINT_POLL_SECONDS": "0.2",
      ])
      try await stage.firstAnswer()
      try await database.run("CREATE RULE hush AS ON UPDATE TO codemint.account DO INSTEAD NOTHING")
      try await database.insert((1...5).map { Job(Reward.numbered($0), 600) })
      let line = try await daemon.errors.line(
        "the database refuses; trying until somebody has repaired it"
      )
      #expect(line.contains("the rule hush on codemint.account"))
      try await Patience.until {
        try await database.holds("EXISTS (SELECT FROM codemint.waits WHERE reason = 'locked')")
      }
      #expect(stage.sandbox.truth.requests().count == 1)
      let waits = try await database.texts(
        "SELECT DISTINCT concat_ws(' | ', reason, why, what_to_do) FROM codemint.waits WHERE reason <> 'sync'"
      )
      #expect(
        waits.allSatisfy {
          $0.hasPrefix("locked | the table account is locked by the rule")
            && $0.hasSuffix("DROP RULE hush ON codemint.account;")
        },
        "\(waits)"
      )
      #expect(try await database.texts("SELECT kind FROM codemint.needs_you").contains("silenced"))
      try await Patience.until { try await web.get("/readyz").body.contains("the rule hush") }
      let doctor = try stage.codemint(["doctor"])
      #expect(try await doctor.end() == .status(1))
      #expect(
        try await doctor.output.whole().contains {
          $0.hasPrefix("failed   own triggers  the rule hush on codemint.account")
        }
      )

      try await database.run("DROP RULE hush ON codemint.account")
      let moment = try await database.texts("SELECT clock_timestamp()")[0]
      try await database.allEnded()
      #expect(try await database.unsound() == [])
      // Every session takes slots again, also those that had planned to write nothing.
      #expect(try await database.holds("(SELECT next_slot_at > '\(moment)' FROM codemint.account)"))
      try await Patience.until { try await web.get("/readyz").status == 200 }
      #expect(daemon.errors.count("the database refuses; trying") == 1)
      #expect(daemon.errors.count("the database does again what it is asked") == 1)
    }
  }

  @Test("a trigger that keeps the account from being written: it is named, and no request leaves")
  func trigger() async throws {
    try await Stage.play { stage in
      let database = stage.database
      let daemon = try stage.daemon(["CODEMINT_POLL_SECONDS": "0.2"])
      try await stage.firstAnswer()
      try await database.run(
        """
        CREATE FUNCTION public.hush() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER hush BEFORE UPDATE ON codemint.account
          FOR EACH ROW EXECUTE FUNCTION public.hush();
        """
      )
      try await database.insert(Job(Reward.first, 600))
      try await Patience.until {
        try await database.holds(
          """
          EXISTS (SELECT FROM codemint.needs_you
                  WHERE kind = 'claims' AND why LIKE '%the trigger hush on codemint.account keeps rows out%')
          """
        )
      }
      #expect(stage.sandbox.truth.requests().count == 1)
      try await database.run("DROP FUNCTION public.hush() CASCADE")
      try await database.allEnded()
      #expect(try await database.unsound() == [])
      #expect(daemon.errors.count("unclaimable") == 0)
    }
  }
}
