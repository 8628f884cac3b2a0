import Ledger
import LocalPostgres
import Postgres
import Sandbox
import ServiceLifecycle

/// What a demo does: it inserts jobs with plain SQL, shows their progress, and compares the numbers of
/// codes on both sides.
struct DemoStory: Service {
  /// A reward that the simulated API does not know.
  static let unknownReward = "00000000-0000-4000-8000-000000000404"

  let server: LocalPostgres
  let database: String
  let sandbox: Sandbox
  let codes: Int
  let keep: Bool
  /// The address of the status page.
  let page: String
  /// The base URL of the stand-in.
  let api: String
  let logFile: String
  let output: FileDescriptor

  func run() async throws {
    let pool = Pool(try ConnectionSettings(server.url(database: database)), limit: 1)
    let result = await Result { try await tell(JobQueries(pool: pool)) }
    await pool.close()
    try result.get()
    if keep, !Task.isShuttingDownGracefully {
      try output.line("\nstill running")
      try output.line("the daemon logs to \(logFile)")
      try output.line("the stand-in for the API is \(api)")
      try output.line(
        "commands work with CODEMINT_DATABASE_URL='\(server.url(database: database))' codemint status"
      )
      try output.line("press Ctrl-C to end the demo")
      try? await gracefulShutdown()
    }
  }

  private func tell(_ queries: JobQueries) async throws {
    try output.line("the status page is \(page)")
    try output.line("to look around, run \(psql)")
    try output.line("inserting jobs, as any system can:\n\n\(insert)\n")
    try server.sql(insert, database: database)
    var board = ProgressBoard(output)
    while !Task.isShuttingDownGracefully {
      let jobs = try await queries.recent(limit: 100).reversed()
      try board.show(Array(jobs))
      if jobs.allSatisfy(\.isFinished) { return try await conclude() }
      try output.checkReader()
      try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .milliseconds(200)) }
    }
    try output.line("interrupted; draining")
  }

  /// Prints the operator's view and the three numbers that must be equal.
  private func conclude() async throws {
    for query in [view, codesOfTheFirst] {
      try output.line("\n\(database)=# \(query)")
      try output.write(try server.table(query, database: database))
    }
    let counts = try server.sql(
      "SELECT count(*), count(DISTINCT id) FROM codemint.codes",
      database: database
    ).split(separator: "|").map(String.init)
    let made = sandbox.truth.codes
    try output.line("codes in the database        \(counts.first ?? "?")")
    try output.line("distinct ids among them      \(counts.last ?? "?")")
    try output.line("codes that the API has made  \(made)")
    guard counts == ["\(made)", "\(made)"] else {
      throw CommandError(.failed, "these numbers must be equal; the daemon's log is \(logFile)")
    }
  }

  private var psql: String { server.psqlCommand(database: database) }

  private var view: String {
    """
    SELECT id, state, issued, count, percent, codes_per_second, sync_synced, sync_pending,
           error_code
    FROM codemint.job_status ORDER BY id;
    """
  }

  /// The simulated API made them: they are worth nothing, and may be shown.
  private var codesOfTheFirst: String {
    "SELECT code, status, sync_status FROM codemint.codes WHERE job_id = 1 LIMIT 3;"
  }

  private var insert: String {
    """
    INSERT INTO codemint.jobs (reward_id, count, prefix, run_at) VALUES
      ('3c90c3cc-0d44-4b50-8888-8dd25736052a', \(codes), 'SUMMER', now()),
      ('7e0f4c1b-52d3-4f0e-9b6a-0c2a3d1e5f60', 1200, NULL, now()),
      ('7e0f4c1b-52d3-4f0e-9b6a-0c2a3d1e5f60', 10, 'VIP', now()),
      ('b1a5d8f4-6c37-4e29-8d10-2f4b6a8c0e12', 1, NULL, now()),
      ('\(Self.unknownReward)', 100, NULL, now()),
      ('b1a5d8f4-6c37-4e29-8d10-2f4b6a8c0e12', 750, 'LATER', now() + interval '5 seconds');
    """
  }
}

extension Result where Failure == any Error {
  /// The outcome of an asynchronous body.
  fileprivate init(_ body: () async throws -> Success) async {
    do {
      self = .success(try await body())
    } catch {
      self = .failure(error)
    }
  }
}
