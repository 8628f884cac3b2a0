import Ledger
import LocalPostgres
import Postgres
import Sandbox
import ServiceLifecycle

/// What happens in a demo: jobs are inserted with plain SQL, watched until they have ended, and
/// counted on both sides.
struct DemoStory: Service {
  /// A reward that the stand-in API does not know.
  static let unknownReward = "00000000-0000-4000-8000-000000000404"

  let server: LocalPostgres
  let database: String
  let sandbox: Sandbox
  let codes: Int
  let keep: Bool
  /// Where the status page is.
  let page: String
  let logFile: String
  let output: FileDescriptor

  func run() async throws {
    let pool = Pool(try ConnectionSettings(server.url(database: database)), limit: 1)
    let result = await Result { try await tell(JobDesk(pool: pool)) }
    await pool.close()
    try result.get()
    if keep, !Task.isShuttingDownGracefully {
      output.line("\nstill running; look around with\n  \(psql)")
      output.line("the daemon logs to \(logFile)\npress Ctrl-C to end it all")
      try? await gracefulShutdown()
    }
  }

  private func tell(_ desk: JobDesk) async throws {
    output.line("the status page is \(page)")
    output.line("inserting jobs, as any system may:\n\n\(insert)\n")
    try server.sql(insert, database: database)
    var board = ProgressBoard(output)
    while !Task.isShuttingDownGracefully {
      let jobs = try await desk.recent(limit: 100).reversed()
      board.show(Array(jobs))
      if jobs.allSatisfy(\.isFinished) { return try await conclude() }
      try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .milliseconds(200)) }
    }
    output.line("interrupted; draining")
  }

  /// The operator's view as SQL prints it, and the numbers that have to be the same.
  private func conclude() async throws {
    output.line("\n\(database)=# \(view)")
    output.write(try server.table(view, database: database))
    let counts = try server.sql(
      "SELECT count(*), count(DISTINCT id) FROM codemint.codes",
      database: database
    ).split(separator: "|").map(String.init)
    let made = sandbox.truth.codes
    output.line("codes in the database        \(counts.first ?? "?")")
    output.line("distinct ids among them      \(counts.last ?? "?")")
    output.line("codes that the API has made  \(made)")
    guard counts == ["\(made)", "\(made)"] else {
      throw CommandError(.failed, "these numbers should be the same; the log is \(logFile)")
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
