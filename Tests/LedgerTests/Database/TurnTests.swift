import Ledger
import Postgres
import TestSupport
import Testing

@Suite("the places of new jobs")
struct TurnTests {
  @Test("a job whose producer may not have its priority has the next place of the one that it gets")
  func otherPriority() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let name = try await shop.query("SELECT session_user::text").one().text(0)
      _ = try await logins.owner.query("SELECT codemint.set_quota($1, 6)", [.text(name)])
      try await shop.script(
        """
        INSERT INTO codemint.jobs (reward_id, count, priority)
        SELECT gen_random_uuid(), 1, 9 - i % 8 FROM generate_series(1, 80) i
        """
      )
      // The schema's owner, under that name.
      try await logins.owner.script(
        """
        INSERT INTO codemint.jobs (reward_id, count, priority, created_by)
        SELECT gen_random_uuid(), 1, 2, '\(name)' FROM generate_series(1, 3)
        """
      )
      let places = try await logins.owner.query(
        """
        SELECT count(*)::integer AS jobs, count(DISTINCT queue_position)::integer AS places, max(queue_position) AS last
        FROM codemint.jobs WHERE priority = 6
        """
      ).one()
      #expect(try places.integer("jobs") == 53 && places.integer("places") == 53)
      #expect(try places.int64("last") == 530_000)
    }
  }
}
