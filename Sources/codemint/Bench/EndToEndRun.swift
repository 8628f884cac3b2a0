import Foundation
import Postgres
import Provisioning

/// Jobs from their INSERT to the last code in the table, by a daemon of its own.
struct EndToEndRun: Sendable {
  let server: BenchServer
  let inFlight: Int
  /// How many codes each job asks for.
  let jobs: [Int]
  /// Rows in the table beforehand, of other jobs.
  var rows = 0
  /// Whether the same rows are copied into the same table afterwards.
  var copies = false

  /// One moment of a run.
  struct Sample: Encodable, Sendable {
    /// Seconds since the INSERT.
    let seconds: Double
    /// Codes stored by then.
    let codes: Int
    /// The daemon's resident and anonymous memory, in bytes.
    let resident: Int
    let anonymous: Int
  }

  struct Figures: Encodable, Sendable {
    let jobs: Int
    let codes: Int
    let rowsBefore: Int
    /// From the INSERT to the end of the last job, by the database's clock.
    let seconds: Double
    let codesPerSecond: Double
    /// Seconds of CPU for 100,000 codes: the daemon, the stand-in for the API, all of Postgres.
    let daemonCPU: Double
    let standInCPU: Double
    let postgresCPU: Double?
    /// The most that the daemon had, in bytes.
    let peakResident: Int
    let peakAnonymous: Int
    /// Rows a second of one COPY of the same rows into the same table, emptied; only on a server of
    /// our own, whose files can be used.
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

  /// A table that has grown, with ids as random as those of real codes.
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
    // What was written before is not to be paid for now. Only a superuser may.
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
    var copyPerSecond: Double?
    if copies, let directory = server.directory {
      copyPerSecond = try await CopyLimit(connection: connection, directory: directory)
        .measure(codes)
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
      postgresCPU: after.2.flatMap { after in
        before.2.map { perHundredThousand(after - $0) }
      },
      peakResident: use.peak,
      peakAnonymous: samples.map(\.anonymous).max() ?? 0,
      copyPerSecond: copyPerSecond,
      shareOfCopy: copyPerSecond.map { speed / $0 },
      samples: samples
    )
  }

  /// Follows the jobs to their end, four looks a second.
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

  /// The work must have been done, and right.
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
        codes were lost or made twice: \(codes) were asked for, \(found[2]) made, \(found[0]) \
        stored, \(found[1]) of them distinct
        """
      )
    }
    return try row.double("seconds")
  }
}
