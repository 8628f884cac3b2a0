import Foundation
import Sandbox
import Testing

@Suite("Codes are tracked until other systems have them", .timeLimit(Patience.limit))
struct SyncTests {
  /// How many codes: a few for every day, a hundred thousand for `scripts/sync-soak`.
  private static let codes =
    ProcessInfo.processInfo.environment["CODEMINT_SYNC_CODES"].flatMap(Int.init) ?? 2500

  /// Sync passes that come fast enough to be waited for.
  private static let settings: [String: String?] = [
    "CODEMINT_SYNC_FIRST_SECONDS": "1", "CODEMINT_SYNC_LONGEST_SECONDS": "2",
    "CODEMINT_SYNC_RETRIES": "2", "CODEMINT_LOG_LEVEL": "debug",
  ]

  /// A tenth of the codes pending in one system or another, some of those in error for a while or
  /// for good, all of it over some seconds.
  private static func api(fate: FateShape = FateShape(), _ faults: [FaultRule] = [])
    -> SandboxConfiguration
  {
    SandboxConfiguration(
      seed: 11,
      sync: SyncShape(
        systems: [.shopify, .stripe],
        pendingShare: 0.05,
        errorShare: 0.2,
        pendingFor: .seconds(3),
        pendingSpread: .seconds(5)
      ),
      fate: fate,
      faults: FaultPlan(seed: 4, rules: faults)
    )
  }

  /// Provisions a job and waits until the sync state of its codes is final.
  private static func awaitFinal(_ stage: Stage, _ count: Int = codes) async throws {
    try await stage.database.insert(Job(Reward.first, count))
    try await stage.database.until(
      "NOT EXISTS (SELECT FROM codemint.jobs WHERE sync_done_at IS NULL)"
    )
  }

  /// What the API shows of every code, put beside the ledger.
  private static func loadTruth(_ stage: Stage) async throws {
    try await stage.database.run("CREATE TABLE public.truth (code jsonb NOT NULL)")
    let size = 5000
    for first in stride(from: 0, to: stage.sandbox.truth.codes, by: size) {
      let shown = stage.sandbox.truth.shown(ofReward: Reward.first, from: first, count: size)
      let quoted = shown.replacing("'", with: "''")
      try await stage.database.run(
        "INSERT INTO public.truth SELECT jsonb_array_elements('\(quoted)')"
      )
    }
  }

  /// Ids of codes that are not in the ledger as the API shows them. A left join leaves out those
  /// that somebody else has made.
  private static func differences(join: String = "FULL") -> String {
    """
    SELECT coalesce(c.id::text, t.code ->> 'id')
    FROM codemint.codes c
    \(join) JOIN public.truth t ON c.id = (t.code ->> 'id')::uuid
    WHERE (c.code, c.status, c.external_ids, c.created_at, c.expires_at, c.updated_at)
          IS DISTINCT FROM
          (t.code ->> 'code', t.code ->> 'status', t.code -> 'externalIds',
           (t.code ->> 'createdAt')::timestamptz, (t.code ->> 'expiresAt')::timestamptz,
           (t.code ->> 'updatedAt')::timestamptz)
       OR c.sync_status IS DISTINCT FROM (
         SELECT CASE WHEN bool_or(e.value ->> 'syncStatus' = 'error') THEN 'error'
                     WHEN bool_or(e.value ->> 'syncStatus' = 'pending') THEN 'pending'
                     ELSE 'synced' END
         FROM jsonb_each(t.code -> 'externalIds') AS e)
    """
  }

  @Test("at the end the ledger equals what the API shows, row for row, after few list calls")
  func equal() async throws {
    let fate = FateShape(share: 0.05, after: .seconds(1), spread: .seconds(4))
    try await Stage.play(api: Self.api(fate: fate)) { stage in
      let daemon = try stage.daemon(Self.settings)
      try await Self.awaitFinal(stage)
      try await Self.loadTruth(stage)
      #expect(try await stage.database.texts(Self.differences()) == [])
      let pending = "SELECT count(*) FROM codemint.codes WHERE sync_status = 'pending'"
      #expect(try await stage.database.number(pending) == 0)

      // Every pass has to ask at least once, and every code that was made or has changed stands on
      // some page.
      let passes = daemon.errors.all.count {
        $0.contains("codes are being tracked")
          || $0.contains("the sync state of every code is final")
          || $0.contains("no longer tracked")
      }
      let changed = try await stage.database.number(
        "SELECT count(*) FROM codemint.codes WHERE updated_at > created_at"
      )
      let least = passes + (Self.codes + changed) / 1000
      let calls = stage.sandbox.truth.listRequests
      #expect(calls <= 2 * least, "\(calls) list calls, \(least) would do")
      if Self.codes > 2500 {
        print("\(Self.codes) codes, \(changed) changed: \(calls) list calls in \(passes) passes")
      }
    }
  }

  @Test("errors are answered, and what stays in error is shown in words of ours")
  func errors() async throws {
    try await Stage.play(api: Self.api()) { stage in
      _ = try stage.daemon(Self.settings)
      try await Self.awaitFinal(stage)
      let asked = stage.sandbox.truth.syncRequests
      let recorded = try await stage.database.number("SELECT sum(attempts) FROM codemint.resyncs")
      #expect(asked == recorded && (2...4).contains(asked))
      let problems = try await stage.database.texts(
        """
        SELECT system || '|' || sync_status || '|' || error || '|' || state
        FROM codemint.sync_problems ORDER BY system
        """
      )
      let expected = ["shopify", "stripe"].map {
        "\($0)|error|taken|given up"
      }
      #expect(Set(problems).isSubset(of: expected) && !problems.isEmpty)
      let status = try stage.codemint(["status", "1"])
      #expect(try await status.end() == .status(0))
      #expect(status.output.all.contains { $0.contains(" error") })
      let watch = try stage.codemint(["watch", "1"])
      #expect(try await watch.end() == .status(0))
      #expect(watch.output.all.last?.contains(/completed, .*, sync: \d+ error$/) == true)
    }
  }

  /// A listing that ignores `order_by`, shifts while it is paged, returns nulls, fails now and then
  /// and shows few codes a page.
  private static let misbehaviour: [FaultRule] = [
    FaultRule(.list, .order(.making)),
    FaultRule(.list, .nulls(count: 3), probability: 0.2),
    FaultRule(.list, .somebodyElse(count: 2), probability: 0.2),
    FaultRule(.list, .status(500), probability: 0.05),
    FaultRule(.list, .shortPage(limit: 300)),
    FaultRule(.sync, .status(503), probability: 0.3),
  ]

  @Test("a listing that misbehaves in every way changes nothing about the end")
  func misbehaving() async throws {
    try await Stage.play(api: Self.api(Self.misbehaviour)) { stage in
      _ = try stage.daemon(Self.settings)
      let count = min(Self.codes, 2500)
      try await Self.awaitFinal(stage, count)
      try stage.sandbox.setFaults(FaultPlan())
      try await Self.loadTruth(stage)
      #expect(try await stage.database.texts(Self.differences(join: "LEFT")) == [])
      #expect(try await stage.database.number("SELECT count(*) FROM codemint.codes") == count)
    }
  }

  @Test("switched off, nothing is listed")
  func switchedOff() async throws {
    try await Stage.play(api: Self.api()) { stage in
      let daemon = try stage.daemon(["CODEMINT_SYNC_TRACK": "false"])
      try await stage.database.insert(Job(Reward.first, 600))
      try await stage.database.allEnded()
      daemon.send(SIGTERM)
      #expect(try await daemon.end() == .status(0))
      #expect(stage.sandbox.truth.listRequests == 0)
    }
  }
}
