import Foundation
import Postgres
import Provisioning

/// Measures jobs from their INSERT to the last code in the table.
struct EndToEndRun: Sendable {
  let server: BenchServer
  let inFlight: Int
  /// The number of codes of each job.
  let jobs: [Int]
  /// The rows of other jobs in the table at the beginning.
  var rows = 0
  /// Whether to measure one COPY of the same rows afterwards.
  var copies = false

  /// One moment of a run.
  struct Sample: Encodable, Sendable {
    /// Seconds since the INSERT.
    let seconds: Double
    /// The codes stored so far.
    let codes: Int
    /// The daemon's resident and anonymous memory, in bytes.
    let resident: Int
    let anonymous: Int
  }

  struct Figures: Encodable, Sendable {
    let jobs: Int
    let codes: Int
    let rowsBefore: Int
    /// The time from the INSERT to the end of the last job, by the database's clock.
    let seconds: Double
    let codesPerSecond: Double
    /// CPU seconds for 100,000 codes: of the daemon, of the simulated API, of all of Postgres.
    let daemonCPU: Double
    let standInCPU: Double
    let postgresCPU: Double?
    /// Milliseconds of Postgres's CPU for each call beside its codes: what the run took, less what
    /// COPYs of the same rows took, one for each call and each in a transaction of its own. Nil as
    /// `copyPerSecond` is.
    let ledgerCPU: Double?
    /// The daemon's greatest memory, in bytes.
    let peakResident: Int
    let peakAnonymous: Int
    /// Rows per second of one COPY of the same rows into the emptied table. Nil if the server is not
    /// private, because COPY needs a file of the server.
    let copyPerSecond: Double?
    let shareOfCopy: Double?
    let samples: [Sample]
  }

  func run() async throws -> Figures {
    try await server.withDatabase { database in
      try await BenchAPI.with { api in
        let connection = try await database.connect()
        defer { Task { await connection.close() } }
        try await fill(connection)
        let daemon = try await BenchDaemon.start(
          on: database,
          api: api.url,
          limits: Limits(
            requestsPerSecond: Bounds.requestsPerSecond.upperBound,
            burst: Bounds.burst.upperBound,
            maxInFlight: inFlight,
            maxInFlightPerReward: inFlight
          )
        )
        let figures: Figures
        do {
          figures = try await measure(connection, daemon, api)
        } catch {
          await daemon.stop()
          throw error
        }
        await daemon.stop()
        return figures
      }
    }
  }

  /// Fills the table with codes of other jobs. Their ids are random, as those of real codes are.
  private func fill(_ connection: Connection) async throws {
    guard rows > 0 else { return }
    let fill: Statement = """
      INSERT INTO codemint.codes
        (id, job_id, call_id, reward_id, code, status, sync_status, external_ids, created_at,
         updated_at)
      SELECT gen_random_uuid(), n / 25000 - 1000000, gen_random_uuid(), gen_random_uuid(),
             'BENCH' || n, 'available', 'synced',
             jsonb_build_object('shopify', jsonb_build_object(
               'discountId', 'gid://shopify/DiscountCodeNode/' || n, 'syncStatus', 'synced',
               'lastSyncedAt', '2026-01-31T12:34:56.789Z')),
             now(), now()
      FROM generate_series(1, $1::bigint) AS n
      """
    _ = try await connection.query(fill, [.int8(Int64(rows))])
    _ = try await connection.query("VACUUM ANALYZE codemint.codes")
  }

  private func measure(_ connection: Connection, _ daemon: BenchDaemon, _ api: BenchAPI)
    async throws -> Figures
  {
    // Earlier writes must not be charged to this run. Only a superuser may run CHECKPOINT.
    _ = try? await connection.query("CHECKPOINT")
    let before = (daemon.use?.cpu ?? 0, ProcessUse.own, await server.cpu())
    let insert: Statement = """
      INSERT INTO codemint.jobs (reward_id, count, prefix)
      SELECT gen_random_uuid(), c, 'BENCH' FROM unnest($1::integer[]) AS c
      """
    _ = try await connection.query(insert, [.int4s(jobs.map { Int32($0) })])
    let samples = try await watch(connection, daemon)
    guard let use = daemon.use else {
      throw CommandError(.failed, "the daemon ended before its jobs")
    }
    let after = (use.cpu, ProcessUse.own, await server.cpu())
    let codes = jobs.reduce(0, +)
    let seconds = try await check(connection, codes, api)
    let postgres = after.2.flatMap { after in before.2.map { after - $0 } }
    var copyPerSecond: Double?
    var ledgerCPU: Double?
    if copies, let directory = server.directory, let postgres {
      let limit = CopyLimit(connection: connection, server: server, directory: directory)
      try await limit.save()
      let (calls, cpu) = try await limit.measureCalls()
      ledgerCPU = (postgres - cpu) / Double(calls) * 1000
      copyPerSecond = try await limit.measure(codes)
    }
    func perHundredThousand(_ seconds: Double) -> Double { seconds / Double(codes) * 100_000 }
    let speed = Double(codes) / seconds
    return Figures(
      jobs: jobs.count,
      codes: codes,
      rowsBefore: rows,
      seconds: seconds,
      codesPerSecond: speed,
      daemonCPU: perHundredThousand(after.0 - before.0),
      standInCPU: perHundredThousand(after.1 - before.1),
      postgresCPU: postgres.map(perHundredThousand),
      ledgerCPU: ledgerCPU,
      peakResident: use.peak,
      peakAnonymous: samples.map(\.anonymous).max() ?? 0,
      copyPerSecond: copyPerSecond,
      shareOfCopy: copyPerSecond.map { speed / $0 },
      samples: samples
    )
  }

  /// Takes four samples a second until all jobs have ended.
  private func watch(_ connection: Connection, _ daemon: BenchDaemon) async throws -> [Sample] {
    let start = ContinuousClock.now
    var samples: [Sample] = []
    while true {
      let row = try await connection.query(
        """
        SELECT count(*) FILTER (WHERE finished_at IS NULL) AS open,
               sum(issued) AS issued, max(error_message) AS error
        FROM codemint.jobs
        """
      ).one()
      guard let use = daemon.use else {
        throw CommandError(.failed, "the daemon ended before its jobs")
      }
      samples.append(
        Sample(
          seconds: (ContinuousClock.now - start) / .seconds(1),
          codes: Int(try row.int64("issued")),
          resident: use.resident,
          anonymous: use.anonymous
        )
      )
      if let error = try row.optionalText("error") { throw CommandError(.failed, error) }
      if try row.int64("open") == 0 { return samples }
      try await Task.sleep(for: .milliseconds(250))
    }
  }

  /// Checks that every code was made and stored exactly once, and returns the time that it took.
  private func check(_ connection: Connection, _ codes: Int, _ api: BenchAPI)
    async throws -> Double
  {
    let row = try await connection.query(
      """
      SELECT count(*) FILTER (WHERE state = 'completed') AS completed,
             extract(epoch FROM max(finished_at) - min(created_at))::float8 AS seconds,
             (SELECT count(*) FROM codemint.codes WHERE job_id > 0) AS stored,
             (SELECT count(DISTINCT id) FROM codemint.codes WHERE job_id > 0) AS distinct
      FROM codemint.jobs
      """
    ).one()
    let found = [
      Int(try row.int64("stored")), Int(try row.int64("distinct")), api.sandbox.truth.codes,
    ]
    guard found.allSatisfy({ $0 == codes }), Int(try row.int64("completed")) == jobs.count else {
      throw CommandError(
        .failed,
        """
        codes were lost or made twice: \(codes) requested, \(found[2]) made, \(found[0]) stored, \
        \(found[1]) distinct
        """
      )
    }
    return try row.double("seconds")
  }
}

/// What Postgres takes for a run's rows without a ledger: COPYs of them into the same table, emptied but
/// with all indexes and constraints.
struct CopyLimit {
  let connection: Connection
  let server: BenchServer
  /// A directory in which the server may write temporary files.
  let directory: String

  /// Sets the rows of the run aside, each with the number of its call.
  func save() async throws {
    _ = try await connection.query(
      """
      CREATE TEMP TABLE saved AS
      SELECT dense_rank() OVER (ORDER BY c.call_id) AS call, c AS code
      FROM codemint.codes c WHERE c.job_id > 0
      """
    )
    _ = try await connection.query("CREATE INDEX ON saved (call)")
  }

  /// Measures one COPY for each call, as somebody without a ledger would store its codes: how many calls there
  /// were, and the CPU seconds of the server.
  func measureCalls() async throws -> (calls: Int, cpu: Double) {
    let calls = Int(
      try await connection.query("SELECT max(call) AS calls FROM saved").one().int64("calls")
    )
    for call in 1...calls { try await write("WHERE call = \(call)", to: path("call-\(call)")) }
    defer { for call in 1...calls { unlink(path("call-\(call)")) } }
    try await empty()
    let before = await server.cpu() ?? 0
    for call in 1...calls { try await read(path("call-\(call)")) }
    return (calls, (await server.cpu() ?? 0) - before)
  }

  /// Measures one COPY of all these rows, in rows per second.
  func measure(_ rows: Int) async throws -> Double {
    try await write("", to: path("all"))
    defer { unlink(path("all")) }
    try await empty()
    let start = ContinuousClock.now
    try await read(path("all"))
    return Double(rows) / ((ContinuousClock.now - start) / .seconds(1))
  }

  private func path(_ name: String) -> String { "\(directory)/bench-\(name).copy" }

  private func write(_ condition: String, to path: String) async throws {
    let out = "COPY (SELECT (code).* FROM saved \(condition)) TO '\(path)' (FORMAT binary)"
    _ = try await connection.query(Statement(out))
  }

  private func read(_ path: String) async throws {
    _ = try await connection.query(
      Statement("COPY codemint.codes FROM '\(path)' (FORMAT binary)")
    )
  }

  private func empty() async throws {
    _ = try await connection.query("TRUNCATE codemint.codes")
    _ = try await connection.query("CHECKPOINT")
  }
}
