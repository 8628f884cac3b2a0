import Backstage
import Foundation
import Sandbox
import Testing

/// How fast the other rewards go on while another session keeps one row locked. The pace is that of the
/// rate limit, so the machine's speed hardly matters; a measurement all the same, made when it is asked for
/// (docs/benchmarks.md).
@Suite(
  "The pace under a lock",
  .timeLimit(Patience.limit),
  .enabled(if: ProcessInfo.processInfo.environment["CODEMINT_MEASURE"] != nil)
)
struct PaceUnderLockTests {
  private static let rewards = 10
  /// Calls that are counted in each window.
  private static let calls = 60

  /// A row of each table that the first reward's work touches. The account and the claims' turn are
  /// shared by all rewards; only the schema's owner and the daemon may lock them.
  private static let rows = [
    "SELECT FROM codemint.jobs WHERE id = (\(first)) FOR UPDATE",
    "SELECT FROM codemint.jobs WHERE id = (\(first)) FOR SHARE",
    "SELECT codemint.pause_job((\(first)))",
    "SELECT FROM codemint.rewards WHERE reward_id = '\(Reward.numbered(1))' FOR UPDATE",
    """
    SELECT FROM codemint.calls WHERE reward_id = '\(Reward.numbered(1))'
    ORDER BY created_at DESC LIMIT 1 FOR UPDATE
    """,
    "SELECT FROM codemint.codes WHERE reward_id = '\(Reward.numbered(1))' LIMIT 1 FOR UPDATE",
    "SELECT FROM codemint.workers FOR UPDATE",
    "SELECT FROM codemint.healing FOR UPDATE",
    "SELECT FROM codemint.retention_progress FOR UPDATE",
    "SELECT FROM codemint.cluster_identity FOR UPDATE",
    "SELECT FROM codemint.operator_limits FOR UPDATE",
    "SELECT FROM codemint.observed_facts LIMIT 1 FOR UPDATE",
    "SELECT FROM codemint.installed_code FOR UPDATE",
    "SELECT codemint.set_limits(12)",
  ]

  private static let first = """
    SELECT min(id) FROM codemint.jobs WHERE reward_id = '\(Reward.numbered(1))' AND finished_at IS NULL
    """

  @Test(
    "with any row of one reward, or of the daemons' own, locked, the others keep 0.9 of their pace"
  )
  func ratios() async throws {
    let api = SandboxConfiguration(latency: SandboxLatency(fixed: .milliseconds(40)))
    try await Stage.play(api: api) { stage in
      _ = try stage.daemon([
        "CODEMINT_LIMITS_REQUESTS_PER_SECOND": "12", "CODEMINT_LIMITS_BURST": "2",
      ])
      try await stage.database.run(
        """
        INSERT INTO codemint.jobs (reward_id, count)
        SELECT ('5d0c7a52-9e1b-4c38-a6f4-' || lpad((1 + n % \(Self.rewards))::text, 12, '0'))::uuid, 1
        FROM generate_series(1, 4000) AS n
        """
      )
      try await stage.database.until("(SELECT count(*) FROM codemint.codes) >= 20")
      var before = try await Self.window(stage)
      for row in Self.rows {
        var locked = Duration.zero
        try await stage.whileHolding(row) { locked = try await Self.window(stage) }
        // Others use the machine too: the slower of the free windows beside it counts.
        let after = try await Self.window(stage)
        let ratio = max(before, after) / locked
        before = after
        print("\(String(format: "%.2f", ratio)) of the pace: \(row)")
        #expect(ratio >= 0.9, "\(row)")
      }
    }
  }

  /// How long the other rewards take for so many codes.
  private static func window(_ stage: Stage) async throws -> Duration {
    let others = "SELECT count(*) FROM codemint.codes WHERE reward_id <> '\(Reward.numbered(1))'"
    let start = ContinuousClock.now
    let goal = try await stage.database.number(others) + calls
    try await stage.database.until("(\(others)) >= \(goal)")
    return ContinuousClock.now - start
  }
}
