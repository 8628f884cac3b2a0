import Backstage
import Foundation
import Ledger
import Postgres
import Sandbox
import Testing

@Suite("Upgrading with a running fleet", .timeLimit(Patience.limit))
struct UpgradeTests {
  private static let jobs = (1...3).map { Job(Reward.numbered($0), 9000, prefix: "J\($0)-") }
  private static let codes = 27_000

  /// The functions of another version, which are called as those of this one.
  private static let other = Schema(
    migrations: Schema.current.migrations,
    code: Schema.current.code + "\n-- another version\n",
    grants: Schema.current.grants
  )

  /// Those of a version whose daemons settle with a function of another name.
  private static let foreign = Schema(
    migrations: Schema.current.migrations,
    code: Schema.current.code.replacing("settle_call", with: "settle_call_anew"),
    grants: Schema.current.grants.replacing("settle_call", with: "settle_call_anew")
  )

  private static let superseded = "the database has the functions of another version of codemint"

  @Test(
    "calls in flight are settled first, both daemons end with 75, and the old version is refused",
    arguments: [false, true]
  )
  func fleet(isPooled: Bool) async throws {
    let api = SandboxConfiguration(
      latency: SandboxLatency(fixed: .milliseconds(500), jitter: .milliseconds(500))
    )
    try await Self.play(isPooled: isPooled, api) { stage, settings in
      try await Self.noteCallsAtReplacement(stage)
      let daemons = [try stage.daemon(settings), try stage.daemon(settings)]
      for daemon in daemons { try await daemon.errors.line("ready") }
      try await stage.database.insert(Self.jobs)
      try await stage.requests(10)

      let steps = try await Self.upgrade(settings, to: Self.other)
      #expect(steps.last == .replacedCode)
      #expect(steps.dropLast().allSatisfy { if case .waiting = $0 { true } else { false } })
      #expect(try await stage.database.texts("SELECT count FROM public.calls_then") == ["0"])
      for daemon in daemons {
        #expect(try await daemon.end() == .status(75))
        #expect(daemon.errors.count("\(Self.superseded); draining") == 1)
        #expect(daemon.errors.all.last?.hasPrefix("codemint: \(Self.superseded)") == true)
        #expect(daemon.errors.count(Self.superseded) == 2)
        #expect(daemon.errors.count("the database answers again") == 0)
        #expect(daemon.errors.count("the database does not answer") == 0)
        #expect(daemon.errors.count("the database refuses") == 0)
      }
      #expect(
        try await stage.database.holds("EXISTS (SELECT FROM codemint.jobs WHERE issued < count)")
      )
      try await Self.expectRefusals(stage, settings)

      let back = try stage.codemint(["migrate"], settings)
      #expect(try await back.end() == .status(0))
      let lines = try await back.output.whole()
      #expect(
        lines == ["replaced functions, views and privileges", "the schema is up to date now"]
      )
      _ = [try stage.daemon(settings), try stage.daemon(settings)]
      try await Self.expectAllDone(stage, codes: Self.codes)
      let others = try await stage.database.texts(
        "SELECT DISTINCT state FROM codemint.calls WHERE state NOT IN ('issued', 'unsent')"
      )
      #expect(others == [])
    }
  }

  @Test("a daemon is killed while its calls are waited for: they are found out by the next version")
  func killed() async throws {
    // The API makes the codes and never answers.
    let silence = FaultRule(.generate, .hang(made: .all), reward: Reward.first, times: 1)
    let api = SandboxConfiguration(faults: FaultPlan(rules: [silence]))
    try await Self.play(isPooled: false, api) { stage, settings in
      var settings = settings
      settings["CODEMINT_LEASE_SECONDS"] = "12"
      let first = try stage.daemon(settings)
      try await first.errors.line("ready")
      try await stage.firstAnswer()
      try await stage.database.insert(Job(Reward.first, 500))
      try await stage.codesMade(501)
      let second = try stage.daemon(settings)
      try await second.errors.line("ready")
      try await stage.database.until("(SELECT count(*) FROM codemint.workers) = 2")

      let steps = try await Self.upgrade(settings, to: Self.other, patience: .seconds(2)) { step in
        if case .waiting = step { first.send(SIGKILL) }
      }
      #expect(
        steps == [.waiting(inFlight: 1), .stoppedWaiting(inFlight: 1), .replacedCode]
      )
      #expect(try await first.end() == .signal(SIGKILL))
      #expect(try await second.end() == .status(75))

      let back = try stage.codemint(["migrate", "--wait", "0"], settings)
      #expect(try await back.end() == .status(0))
      let next = try stage.daemon(settings)
      try await next.errors.line("lease ran out, call in doubt")
      try await Self.expectAllDone(stage, codes: 501)
      let calls = try await stage.database.texts("SELECT state FROM codemint.calls ORDER BY size")
      #expect(calls == ["issued", "adopted"])
      #expect(stage.sandbox.truth.generateRequests == 2)
    }
  }

  @Test("an answer that comes after the patience, for functions that are gone: the daemon ends too")
  func unsettled() async throws {
    let slow = FaultRule(.generate, .latency(seconds: 3), times: 1)
    let api = SandboxConfiguration(faults: FaultPlan(rules: [slow]))
    try await Self.play(isPooled: false, api) { stage, settings in
      var settings = settings
      settings["CODEMINT_LEASE_SECONDS"] = "8"
      settings["CODEMINT_API_TIMEOUT_SECONDS"] = "4"
      let daemon = try stage.daemon(settings)
      try await daemon.errors.line("ready")
      try await stage.database.insert(Job(Reward.first, 500), Job(Reward.first, 40))
      try await stage.requests(1)
      let steps = try await Self.upgrade(settings, to: Self.foreign, patience: .milliseconds(200))
      #expect(steps.last == .replacedCode)
      #expect(steps.contains { if case .stoppedWaiting = $0 { true } else { false } })

      #expect(try await daemon.end() == .status(75))
      #expect(daemon.errors.count("\(Self.superseded); draining") == 1)
      let lastWords = try await daemon.errors.line("not drained in time")
      let calls = try await stage.database.texts(
        "SELECT id FROM codemint.calls WHERE state = 'sending'"
      )
      #expect(!calls.isEmpty && calls.allSatisfy { lastWords.contains($0) })
      #expect(daemon.errors.count("the database refuses") == 1)

      let back = try stage.codemint(["migrate", "--wait", "0"], settings)
      #expect(try await back.end() == .status(0))
      _ = try stage.daemon(settings)
      try await Self.expectAllDone(stage, codes: 540)
    }
  }

  // MARK: What the tests share

  /// Plays with settings that lead to the database directly or through a pooler.
  private static func play(
    isPooled: Bool,
    _ api: SandboxConfiguration,
    _ body: @Sendable (Stage, [String: String?]) async throws -> Void
  ) async throws {
    try await Stage.play(api: api) { stage in
      guard isPooled else {
        return try await body(stage, ["CODEMINT_DATABASE_URL": stage.database.url])
      }
      let pooler = try await Pooler(
        stage.database,
        server: stage.server,
        directory: stage.directory
      )
      defer { pooler.stop() }
      try await body(
        stage,
        ["CODEMINT_DATABASE_URL": pooler.url, "CODEMINT_POLL_SECONDS": "0.2"]
      )
    }
  }

  /// Brings the database to other functions, as `codemint migrate` of their version does.
  private static func upgrade(
    _ settings: [String: String?],
    to schema: Schema,
    patience: Duration = .seconds(60),
    _ report: (Migrator.Step) -> Void = { _ in }
  ) async throws -> [Migrator.Step] {
    let url = try #require(settings["CODEMINT_DATABASE_URL"] ?? nil)
    let connection = try await Connection.open(ConnectionSettings(url))
    var steps: [Migrator.Step] = []
    do {
      let migrator = Migrator(connection, schema: schema, version: "9.9.9")
      _ = try await migrator.migrate(patience: patience) { step in
        steps.append(step)
        report(step)
      }
    } catch {
      await connection.close()
      throw error
    }
    await connection.close()
    return steps
  }

  /// Notes, in the transaction that replaces the functions, how many calls are in flight.
  private static func noteCallsAtReplacement(_ stage: Stage) async throws {
    try await stage.database.run(
      """
      CREATE TABLE public.calls_then (count bigint);
      CREATE FUNCTION public.note_calls() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO public.calls_then
        SELECT count(*) FROM codemint.calls WHERE state NOT IN ('issued', 'unsent');
        RETURN NULL;
      END $$;
      CREATE TRIGGER note_calls AFTER UPDATE ON codemint.installed_code
        FOR EACH ROW WHEN (NEW.version = '9.9.9') EXECUTE FUNCTION public.note_calls();
      """
    )
  }

  /// This version neither works on the other functions nor keeps that to itself.
  private static func expectRefusals(_ stage: Stage, _ settings: [String: String?]) async throws {
    let refusals: [([String], Int32)] = [
      (["run"], 78), (["migrate", "--check"], 1), (["doctor"], 1),
    ]
    for (arguments, status) in refusals {
      let process = try stage.codemint(arguments, settings)
      #expect(try await process.end() == .status(status), "\(arguments)")
      let lines = try await process.everything()
      let words = "the database has the functions of codemint 9.9.9"
      #expect(lines.contains { $0.contains(words) }, "\(arguments)")
    }
  }

  /// Every job is completed, and the ledger equals what the API has made.
  private static func expectAllDone(_ stage: Stage, codes: Int) async throws {
    try await stage.database.allEnded()
    #expect(try await stage.database.unsound() == [])
    #expect(
      try await stage.count() == Stage.Count(stored: codes, distinct: codes, made: codes)
    )
  }
}
