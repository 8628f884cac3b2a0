import Foundation
import Postgres
import Provisioning

/// Measures how soon an idle daemon requests the codes of a job that somebody inserts.
struct WakeRun: Sendable {
  let server: BenchServer
  let wakes: Int

  struct Figures: Encodable, Sendable {
    /// Milliseconds from before the INSERT to the arrival of the request.
    let milliseconds: Shares
    /// The same with `poll.seconds` 1 and a `database.listen_url` that leads nowhere.
    let pollMilliseconds: Shares
  }

  func run() async throws -> Figures {
    // The first few jobs open connections and prepare statements.
    let woken = try await measure(wakes + Self.warmUp, pause: 30...60) { database, api in
      try await BenchDaemon.start(on: database, api: api.url, limits: Self.limits)
    }
    let polled = try await measure(min(wakes, 10), pause: 200...1200) { database, api in
      try await BenchDaemon.start(
        on: database,
        api: api.url,
        limits: Self.limits,
        settings: [.databaseListenURL: "host=/nonexistent", .poll: "1"],
        until: "not woken for now, polling"
      )
    }
    guard let milliseconds = Shares(Array(woken.dropFirst(Self.warmUp))),
      let pollMilliseconds = Shares(polled)
    else { throw CommandError(.failed, "no job was inserted") }
    return Figures(milliseconds: milliseconds, pollMilliseconds: pollMilliseconds)
  }

  private static let warmUp = 5

  private static let limits = Limits(
    requestsPerSecond: 500,
    burst: 20,
    maxInFlight: 4,
    maxInFlightPerReward: 2
  )

  /// The milliseconds of each of so many jobs.
  ///
  /// - Parameter pause: How many milliseconds the daemon is idle before each job.
  private func measure(
    _ jobs: Int,
    pause: ClosedRange<Double>,
    start: @escaping @Sendable (BenchDatabase, BenchAPI) async throws -> BenchDaemon
  ) async throws -> [Double] {
    try await server.withDatabase { database in
      try await BenchAPI.with { api in
        let connection = try await database.connect()
        let daemon = try await start(database, api)
        let inserted: Result<[UInt64], any Error>
        do {
          inserted = .success(try await insert(jobs, pause: pause, connection))
        } catch {
          inserted = .failure(error)
        }
        await daemon.stop()
        await connection.close()
        let arrivals = api.sandbox.truth.arrivals()
        let moments = try inserted.get()
        guard arrivals.count == moments.count else {
          throw CommandError(.failed, "the codes of a job were not requested exactly once")
        }
        return zip(moments, arrivals).map { Double($1 &- $0) / 1e6 }
      }
    }
  }

  /// Inserts one job after the other and returns the times. Each job waits for the end of the one before.
  private func insert(
    _ jobs: Int,
    pause: ClosedRange<Double>,
    _ connection: Connection
  ) async throws -> [UInt64] {
    var moments: [UInt64] = []
    for _ in 0..<jobs {
      try await Task.sleep(for: .milliseconds(.random(in: pause)))
      moments.append(monotonicNow())
      let job = try await connection.query(
        """
        INSERT INTO codemint.jobs (reward_id, count)
        VALUES ('3c90c3cc-0d44-4b50-8888-8dd25736052a', 10) RETURNING id
        """
      ).one().int64("id")
      try await end(of: job, connection)
    }
    return moments
  }

  private func end(of job: Int64, _ connection: Connection) async throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while ContinuousClock.now < deadline {
      let isOpen = try await connection.query(
        "SELECT finished_at IS NULL AS open FROM codemint.jobs WHERE id = $1",
        [.int8(job)]
      ).one().bool("open")
      if !isOpen { return }
      try await Task.sleep(for: .milliseconds(5))
    }
    throw CommandError(.failed, "a job of ten codes did not end within 30 seconds")
  }

  /// Nanoseconds of CLOCK_MONOTONIC, which the sandbox uses for arrivals.
  private func monotonicNow() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// Measures what a daemon with default settings uses while there is nothing to do.
struct IdleRun: Sendable {
  let server: BenchServer
  let seconds: Int

  struct Figures: Encodable, Sendable {
    let seconds: Int
    /// The daemon's CPU seconds.
    let cpu: Double
    let transactions: Int
    /// The daemon's memory at the end, in bytes.
    let resident: Int
    let anonymous: Int

    /// Whether it used at most 0.02 CPU seconds and 16 transactions in 30 seconds. CPU is counted in
    /// ticks of 10 ms.
    var isFrugal: Bool {
      let share = Double(seconds) / 30
      return (cpu * 100).rounded() <= 2 * share && Double(transactions) <= 16 * share
    }
  }

  func run() async throws -> Figures {
    try await server.withDatabase { database in
      try await BenchAPI.with { api in
        let daemon = try await BenchDaemon.start(on: database, api: api.url)
        do {
          // The server counts transactions with a delay. Wait until those of the start are counted.
          try await Task.sleep(for: .seconds(12))
          let before = (daemon.use, try await server.transactions(in: database))
          try await Task.sleep(for: .seconds(seconds))
          let after = (daemon.use, try await server.transactions(in: database))
          await daemon.stop()
          guard let start = before.0, let end = after.0 else {
            throw CommandError(.failed, "the daemon ended while it was idle")
          }
          return Figures(
            seconds: seconds,
            cpu: end.cpu - start.cpu,
            transactions: after.1 - before.1,
            resident: end.resident,
            anonymous: end.anonymous
          )
        } catch {
          await daemon.stop()
          throw error
        }
      }
    }
  }
}
