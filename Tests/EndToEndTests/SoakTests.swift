import Backstage
import Foundation
import Postgres
import Sandbox
import Testing

/// Other sessions do at random what people and programs do to a database, while 200 jobs on 50 rewards
/// run: `scripts/soak` says for how long. At the end every job is done, or `waits` names what it waits
/// for and who has to act.
@Suite("A soak", .timeLimit(.minutes(Soak.minutes + 15)), .enabled(if: Soak.isWanted))
struct SoakTests {
  @Test("at the end all are done, or named")
  func soak() async throws {
    let api = SandboxConfiguration(
      latency: SandboxLatency(fixed: .milliseconds(50), jitter: .milliseconds(100))
    )
    try await Stage.play(api: api) { stage in
      var soak = Soak(stage: stage)
      try await soak.run()
      let named = try await soak.awaitEnd()
      print(
        """
        seed \(Soak.seed), \(Soak.minutes) minutes: \(soak.tally.sorted { $0.key < $1.key }
          .map { "\($0.value) x \($0.key)" }.joined(separator: ", "))
        """
      )
      print(
        """
        \(try await stage.database.number("SELECT count(*) FROM codemint.jobs WHERE state = 'completed'")) \
        of 200 jobs completed, \(named.count) named in waits: \(named)
        """
      )
      #expect(named.allSatisfy { ["decision", "held"].contains($0) }, "\(named)")
      let unsound = try await stage.database.unsound()
      #expect(unsound.count == named.count, "\(unsound)")
      let lost = Set(stage.sandbox.truth.everyCode.map(\.code.id))
        .subtracting(try await soak.knownCodes())
      #expect(lost.isEmpty, "\(lost.count) codes are not in the ledger")
    }
  }
}

/// The weather of a soak: one disturbance after the other, drawn by the seed.
struct Soak {
  private static func number(_ name: String) -> Int? {
    ProcessInfo.processInfo.environment[name].flatMap(Int.init)
  }

  static let isWanted = number("CODEMINT_SOAK_MINUTES") != nil
  static let minutes = number("CODEMINT_SOAK_MINUTES") ?? 10
  static let seed = number("CODEMINT_SOAK_SEED") ?? Int.random(in: 1...1_000_000)

  let stage: Stage
  private(set) var tally: [String: Int] = [:]
  private var dice = SeededDice(state: UInt64(bitPattern: Int64(seed)))
  private var daemons: [CodemintProcess] = []

  init(stage: Stage) {
    self.stage = stage
  }

  /// One kind of disturbance: SQL that is undone when its time is over, if it has to be.
  private struct Disturbance {
    let name: String
    let begins: String
    var ends: String?
    /// Whether it lasts as long as its transaction is open.
    var isTransaction = false
  }

  private static let anyJob = """
    (SELECT id FROM codemint.jobs WHERE finished_at IS NULL ORDER BY random() LIMIT 1)
    """
  private static let anyReward =
    "(SELECT reward_id FROM codemint.rewards ORDER BY random() LIMIT 1)"

  private static let resume = """
    SELECT codemint.resume_job(id) FROM codemint.jobs WHERE paused AND state IN ('queued', 'running')
    """

  private static let disturbances = [
    Disturbance(
      name: "a job locked",
      begins: "SELECT FROM codemint.jobs WHERE id = \(anyJob) FOR UPDATE",
      isTransaction: true
    ),
    Disturbance(
      name: "a job shared",
      begins: "SELECT FROM codemint.jobs WHERE id = \(anyJob) FOR SHARE",
      isTransaction: true
    ),
    Disturbance(
      name: "a reward locked",
      begins: "SELECT FROM codemint.rewards WHERE reward_id = \(anyReward) FOR UPDATE",
      isTransaction: true
    ),
    Disturbance(
      name: "calls locked",
      begins: "SELECT FROM codemint.calls WHERE state = 'sending' LIMIT 2 FOR UPDATE",
      isTransaction: true
    ),
    Disturbance(
      name: "codes locked",
      begins: "SELECT FROM codemint.codes LIMIT 50 FOR UPDATE",
      isTransaction: true
    ),
    Disturbance(
      name: "workers locked",
      begins: "SELECT FROM codemint.workers FOR UPDATE",
      isTransaction: true
    ),
    Disturbance(
      name: "the account locked",
      begins: "SELECT FROM codemint.account FOR UPDATE",
      isTransaction: true
    ),
    Disturbance(
      name: "a table locked",
      begins: "LOCK TABLE codemint.rewards IN EXCLUSIVE MODE",
      isTransaction: true
    ),
    Disturbance(
      name: "a pause not committed",
      begins: "SELECT codemint.pause_job(\(anyJob)) WHERE \(anyJob) IS NOT NULL",
      isTransaction: true
    ),
    Disturbance(
      name: "backends ended",
      begins: """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%codemint.%'
          AND application_name LIKE 'codemint%'
        """
    ),
    Disturbance(
      name: "derived tables emptied",
      begins: """
        TRUNCATE codemint.pending_placements, codemint.listed_codes,
          codemint.observed_facts
        """
    ),
    Disturbance(
      name: "heads of queues forgotten",
      begins:
        "UPDATE codemint.rewards SET queue_priority = NULL, new_job = NULL, queue_head = NULL"
    ),
    Disturbance(
      name: "counters wrong",
      begins: "UPDATE codemint.account SET in_flight = in_flight + 5"
    ),
    Disturbance(
      name: "counters of rewards wrong",
      begins: "UPDATE codemint.rewards SET in_flight = in_flight + 2 WHERE random() < 0.3"
    ),
    Disturbance(
      name: "a publication",
      begins: "CREATE PUBLICATION soak FOR ALL TABLES",
      ends: "DROP PUBLICATION IF EXISTS soak"
    ),
    Disturbance(
      name: "other limits",
      begins: "SELECT codemint.set_limits(2, 1, 1, 1)",
      ends: "SELECT codemint.set_limits()"
    ),
    Disturbance(
      name: "read-only",
      begins: """
        DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$;
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'codemint%'
        """,
      ends: """
        SET default_transaction_read_only = off;
        DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET ALL', current_database()); END $$;
        """
    ),
    Disturbance(
      name: "a clock set back",
      begins: """
        UPDATE codemint.account SET next_slot_at = next_slot_at + interval '1 hour',
          paused_until = paused_until + interval '1 hour', probe_at = probe_at + interval '1 hour';
        UPDATE codemint.rewards SET paused_until = paused_until + interval '1 hour',
          reconcile_at = reconcile_at + interval '1 hour';
        UPDATE codemint.calls SET lease_expires_at = lease_expires_at + interval '1 hour'
          WHERE state = 'sending'
        """
    ),
    Disturbance(
      name: "a flood of notifications",
      begins: "SELECT pg_notify('codemint_jobs', n::text) FROM generate_series(1, 5000) n"
    ),
    Disturbance(
      name: "a job paused and resumed",
      begins: "SELECT codemint.pause_job(\(anyJob)) WHERE \(anyJob) IS NOT NULL",
      ends: resume
    ),
  ]

  /// Disturbs until the time is over. Jobs come in during the first half of it.
  mutating func run() async throws {
    for _ in 1...2 { daemons.append(try start()) }
    let begin = ContinuousClock.now
    let length = Duration.seconds(Self.minutes * 60)
    var inserted = 0
    while ContinuousClock.now - begin < length || inserted < 200 {
      let due = min(200, 20 + Int(360 * ((ContinuousClock.now - begin) / length)))
      try await insert(inserted..<due)
      inserted = max(inserted, due)
      try await disturb()
    }
  }

  private mutating func insert(_ numbers: Range<Int>) async throws {
    guard !numbers.isEmpty else { return }
    var jobs: [Job] = []
    for number in numbers {
      jobs.append(
        Job(
          Reward.numbered(number % 50),
          Int.random(in: 1...3000, using: &dice),
          prefix: "S\(number)-"
        )
      )
    }
    try await stage.database.insert(jobs)
  }

  private mutating func disturb() async throws {
    let pause = Duration.milliseconds(Int.random(in: 200...3000, using: &dice))
    let choice = Int.random(in: 0..<Self.disturbances.count + 1, using: &dice)
    guard choice < Self.disturbances.count else {
      tally["a daemon killed", default: 0] += 1
      let victim = Int.random(in: 0..<daemons.count, using: &dice)
      await daemons[victim].bury()
      daemons[victim] = try start()
      return
    }
    let what = Self.disturbances[choice]
    // A session of its own, which may be ended too, or wait for another disturbance.
    let session = try await Connection.open(ConnectionSettings(stage.database.url))
    _ = try? await session.script(
      "SET lock_timeout = '3s'; SET default_transaction_read_only = off"
    )
    do throws(PostgresError) {
      _ = try await session.script((what.isTransaction ? "BEGIN; " : "") + what.begins)
      tally[what.name, default: 0] += 1
    } catch {
      // A lock may be in the way, but a disturbance that is no SQL would disturb nothing, ever.
      #expect(error.sqlState?.hasPrefix("42") != true, "\(what.name): \(error)")
    }
    try await ContinuousClock().sleep(
      for: what.isTransaction || what.ends != nil ? pause : pause / 4
    )
    if what.isTransaction { _ = try? await session.script("ROLLBACK") }
    if let ends = what.ends {
      // What is left of it would be a disturbance for ever.
      var tries = 1
      while (try? await session.script(ends)) == nil, tries < 20 { tries += 1 }
    }
    await session.close()
  }

  private func start() throws -> CodemintProcess {
    try stage.daemon([
      "CODEMINT_LEASE_SECONDS": "10", "CODEMINT_API_TIMEOUT_SECONDS": "3",
      "CODEMINT_POLL_SECONDS": "1",
      "CODEMINT_RECONCILE_LISTING_GAP_SECONDS": "2", "CODEMINT_LIMITS_REQUESTS_PER_SECOND": "30",
    ])
  }

  /// Waits until every job has ended or waits for a person.
  /// - Returns: The reasons of those that wait.
  func awaitEnd() async throws -> [String] {
    let stage = stage
    try await stage.database.run(Self.resume)
    try await Patience.until {
      try await ContinuousClock().sleep(for: .seconds(1))
      return try await stage.database.holds(
        """
        NOT EXISTS (
          SELECT FROM codemint.waits WHERE reason NOT IN ('decision', 'held', 'sync'))
        AND NOT EXISTS (SELECT FROM codemint.calls WHERE state = 'sending')
        """
      )
    }
    return try await stage.database.texts(
      "SELECT reason FROM codemint.waits WHERE reason <> 'sync' ORDER BY job_id"
    )
  }

  /// The ids of all codes that the ledger knows, whatever as.
  func knownCodes() async throws -> Set<String> {
    Set(
      try await stage.database.texts(
        """
        SELECT id FROM codemint.codes UNION SELECT id FROM codemint.unattributed_codes
        UNION SELECT id FROM codemint.raw_codes
        """
      )
    )
  }
}

/// Numbers that a seed decides (splitmix64).
private struct SeededDice: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
