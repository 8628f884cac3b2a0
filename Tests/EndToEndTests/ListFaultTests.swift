import Foundation
import Sandbox
import Testing

/// Every way in which a listing can mislead, one reward each, while a call is in doubt. The tables are
/// those of docs/testing.md.
@Suite("Every fault of the list call while a call is in doubt", .timeLimit(Patience.limit))
struct ListFaultTests {
  /// What befalls the listings of one reward, beside the first call, whose answer was lost.
  private struct Row {
    let rules: [FaultRule]
    /// How many codes that call made of the 60 that it asked for.
    let made: Making
    /// State of the call, why it is held if it is, and how often the API was asked for its codes.
    let end: String

    /// A fault of the first few list requests, or of all.
    init(_ fault: Fault, first: Int? = nil, made: Making = .all, _ end: String = "adopted - 1") {
      (rules, self.made, self.end) = ([FaultRule(.list, fault, first: first)], made, end)
    }

    /// Codes of somebody else, who was faster than the daemon.
    init(rivals count: Int, _ prefix: RivalPrefix, made: Making, _ end: String) {
      rules = [FaultRule(.generate, .somebodyElse(count: count, prefix: prefix), times: 1)]
      (self.made, self.end) = (made, end)
    }

    /// What strikes this reward.
    func rules(of reward: String) -> [FaultRule] {
      let lost = FaultRule(.generate, .reset(at: .beforeAnswer, made: made), times: 1)
      return (rules + [lost]).map { rule in
        var rule = rule
        rule.reward = reward
        return rule
      }
    }
  }

  /// The codes are there; a listing that cannot be believed is made again.
  private static let found: [Row] = [
    Row(.order(.ascending)), Row(.order(.shuffled)), Row(.order(.making)),
    Row(.shortPage(limit: 7)), Row(.shortPage(limit: 1), first: 12),
    Row(.shortPage(limit: 0), first: 2),
    // Without any code at all, or with an answer of a cache.
    Row(.stale(seconds: 3600), first: 2), Row(.stale(seconds: 0.5, age: true), first: 2),
    Row(.doubled(count: 5)), Row(.doubled(count: 5, instead: true), first: 2),
    Row(.foreign(count: 3), first: 2), Row(.unknownValues(count: 5)), Row(.extraFields(count: 5)),
    Row(.nulls(count: 2), first: 2), Row(.nulls(count: 2, made: false), first: 2),
    Row(.headers(set: ["Age": "1"]), first: 2),
    // Pages shift while they are being read.
    Row(.somebodyElse(count: 3, prefix: .other), first: 20),
    Row(.latency(seconds: 0.3)), Row(.drip(bytes: 2000, everySeconds: 0.01)),
    Row(.status(500), first: 2), Row(.status(301), first: 2), Row(.status(503), first: 2),
    Row(.status(429, retryAfter: RetryAfter(.seconds, seconds: 1)), first: 1),
    Row(.reset(at: .beforeAnswer), first: 2), Row(.reset(at: .inBody), first: 2),
    Row(.hang(), first: 1), Row(.cut(), first: 2), Row(.cut(complete: false), first: 2),
    Row(.html(status: 200), first: 2), Row(.flood(bytes: 20_000_000), first: 1),
  ]

  /// Nothing was made, and the listing shows it only in the end.
  private static let absent: [Row] = [
    Row(.order(.shuffled), made: .none, "absent - 2"),
    Row(.status(503), first: 2, made: .none, "absent - 2"),
    Row(.stale(seconds: 3600), first: 2, made: .none, "absent - 2"),
    // Codes with a prefix that ours would not have.
    Row(rivals: 60, .other, made: .none, "absent - 2"),
    Row(rivals: 60, .none, made: .none, "absent - 2"),
  ]

  /// What nobody but a person can decide.
  private static let held: [Row] = [
    Row(.status(404), "in_doubt listing_failed 1"), Row(.status(403), "in_doubt listing_failed 1"),
    Row(rivals: 7, .same, made: .all, "in_doubt number_unexplained 1"),
  ]

  /// What cannot be told apart from codes of ours: somebody else's, with the same prefix, at the same
  /// moment, and no more than ours would be. docs/protocol.md says so.
  private static let mistaken: [Row] = [
    Row(rivals: 60, .same, made: .none, "adopted - 1"),
    Row(rivals: 7, .same, made: .none, "adopted - 2"),
  ]

  @Test("codes are found, or asked for again, or left to a person; none is lost or made twice")
  func everyFault() async throws {
    let rows = Self.found + Self.absent + Self.held + Self.mistaken
    let rewards = rows.indices.map(Reward.numbered)
    try await Stage.play { stage in
      try await stage.endPausesAtOnce()
      _ = try stage.daemon([
        "CODEMINT_LEASE_SECONDS": "5", "CODEMINT_API_TIMEOUT_SECONDS": "5",
        "CODEMINT_RECONCILE_LISTING_GAP_SECONDS": "1", "CODEMINT_POLL_SECONDS": "0.2",
        "CODEMINT_LIMITS_BURST": "100", "CODEMINT_LIMITS_MAX_IN_FLIGHT": "100",
      ])
      // A clean answer each, so that it is known what a fresh listing shows and what a prefix does.
      try await stage.database.insert(rewards.map { Job($0, 3, prefix: "OWN") })
      try await stage.database.allEnded()

      try await stage.put(
        [FaultRule(.generate, .latency(seconds: 1), first: rows.count)]
          + zip(rows, rewards).flatMap { row, reward in row.rules(of: reward) }
      )
      try await stage.database.insert(rewards.map { Job($0, 60, prefix: "OWN") })
      try await stage.database.until(
        """
        NOT EXISTS (SELECT FROM codemint.jobs j WHERE j.finished_at IS NULL AND NOT EXISTS (
          SELECT FROM codemint.calls c WHERE c.job_id = j.id AND c.held_at IS NOT NULL))
        """
      )
      for (row, reward) in zip(rows, rewards) { try await Self.check(row, of: reward, stage) }
    }
  }

  private static func check(_ row: Row, of reward: String, _ stage: Stage) async throws {
    let what = "\(row.rules.map(\.fault)) \(row.made)"
    let calls = try await stage.database.texts(
      """
      SELECT concat_ws(' ', state, coalesce(hold_reason, '-'))
      FROM codemint.calls WHERE reward_id = '\(reward)' AND size > 3 ORDER BY created_at
      """
    )
    let requests = stage.requests(of: reward).filter { ($0.count ?? 0) > 3 }
    #expect(calls.first.map { "\($0) \(requests.count)" } == row.end, "\(what)")
    #expect(calls.dropFirst().allSatisfy { $0 == "issued -" }, "\(what)")

    // Every code that was made for us is a job's, or set aside for the call that is held.
    let ours = stage.sandbox.truth.made(ofReward: reward).filter { $0.request != nil }.map(\.id)
    let kept = try await stage.database.texts(
      """
      SELECT id FROM codemint.codes WHERE reward_id = '\(reward)'
      UNION ALL SELECT id FROM codemint.unattributed_codes WHERE reward_id = '\(reward)'
      """
    )
    #expect(Set(kept).count == kept.count, "\(what)")
    // Where nothing can be listed they wait for a person with the call.
    if !row.end.contains("listing_failed") {
      #expect(Set(ours).isSubset(of: kept), "\(what)")
    }
    let unsound = try await stage.database.number(
      """
      SELECT count(*) FROM codemint.jobs
      WHERE reward_id = '\(reward)' AND NOT (issued = count AND state = 'completed')
        AND NOT (issued = 0 AND outstanding = 60)
      """
    )
    #expect(unsound == 0, "\(what)")
  }
}
