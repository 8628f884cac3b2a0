import Ledger
import Postgres
import TestSupport
import Testing

/// What stops everything is told with since when, and with a statement that can be run as it is copied.
@Suite("remedies of what stops everything")
struct RemedyTests {
  @Test("that the last daemon has stopped in order is told with since when")
  func stopped() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(10, of: Scene.reward)
      try await ledger.bystander.script("SELECT codemint.retire_worker(id) FROM codemint.workers")
      let need = try await ledger.bystander.query(
        "SELECT since IS NOT NULL FROM codemint.needs_you WHERE kind = 'daemon'"
      ).one()
      #expect(try need.bool(0))
      let wait = try await ledger.bystander.query(
        "SELECT since IS NOT NULL FROM codemint.waits WHERE reason = 'daemon'"
      ).one()
      #expect(try wait.bool(0))
    }
  }

  @Test(
    "who keeps the first sign of life after a failover waiting is named where no daemon seems to live"
  )
  func failover() async throws {
    try await LockHolderTests.lend { ledger, person in
      _ = try await ledger.insert(10, of: Scene.reward)
      _ = try await ledger.claim()
      try await ledger.bystander.script(
        """
        UPDATE codemint.cluster_identity SET timeline = 'FFFFFFFF';
        UPDATE codemint.workers SET seen_at = now() - interval '1 min', expires_at = now() - interval '1 min';
        UPDATE codemint.calls SET lease_expires_at = now() - interval '1 min', created_at = now() - interval '5 min';
        """
      )
      try await ledger.bystander.script("BEGIN; SELECT FROM codemint.rewards FOR SHARE")
      let need = try await person.query(
        "SELECT why, what_to_do FROM codemint.needs_you WHERE kind = 'daemon'"
      ).one()
      #expect(try need.text("why").contains("the row of reward \(Scene.reward) is locked by "))
      #expect(try need.text("what_to_do").hasPrefix("SELECT pg_terminate_backend("))
      try await ledger.bystander.script("ROLLBACK")
    }
  }

  @Test("the statement that makes a read-only database take writes again stands alone")
  func readOnly() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.bystander.script("SET default_transaction_read_only = on")
      let need = try await ledger.bystander.query(
        "SELECT what_to_do FROM codemint.needs_you WHERE kind = 'database'"
      ).one()
      try await ledger.bystander.script(try need.text(0))
      try await ledger.bystander.script("SET default_transaction_read_only = off")
    }
  }

  @Test("the statement that accepts an API names the one that daemons ask for")
  func api() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(10, of: Scene.reward)
      try await ledger.bystander.script(
        """
        UPDATE codemint.workers SET api = 'https://new.example';
        UPDATE codemint.account SET api = 'https://old.example', api_accepted_at = now();
        """
      )
      let need = try await ledger.bystander.query(
        "SELECT what_to_do FROM codemint.needs_you WHERE kind = 'api'"
      ).one()
      #expect(
        try need.text(0).hasPrefix("SELECT codemint.accept_api('https://new.example', 'why');")
      )
    }
  }
}
