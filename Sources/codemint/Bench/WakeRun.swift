import Foundation
import Postgres
import Provisioning

/// How soon a daemon that was idle asks the API for the codes of a job that somebody inserts.
struct WakeRun: Sendable {
  let server: BenchServer
  let wakes: Int

  struct Figures: Encodable, Sendable {
    /// Milliseconds from before the INSERT to the request's arrival.
    let milliseconds: Shares
  }

  func run() async throws -> Figures {
    try await server.withDatabase { database in
      try await BenchAPI.with { api in
        let connection = try await database.connect()
        let limits = Limits(
          requestsPerSecond: 500,
          burst: 20,
          maxInFlight: 4,
          maxInFlightPerReward: 2
        )
        let daemon = try await BenchDaemon.start(on: database, api: api.url, limits: limits)
        let result: Result<[UInt64], any Error>
        do {
          result = .success(try await insert(connection))
        } catch {
          result = .failure(error)
        }
        await daemon.stop()
        await connection.close()
        let arrivals = api.sandbox.truth.arrivals()
        let late = zip(try result.get(), arrivals).map { Double($1 &- $0) / 1e6 }
        // The first few open connections and prepare statements.
        guard arrivals.count == wakes + Self.warmUp,
          let shares = Shares(late.dropFirst(Self.warmUp).map { $0 })
        else { throw CommandError(.failed, "a job was not asked for exactly once") }
        return Figures(milliseconds: shares)
      }
    }
  }

  private static let warmUp = 5

  /// One job after the other, each when the one before has ended and the daemon has been idle.
  private func insert(_ connection: Connection) async throws -> [UInt64] {
    var moments: [UInt64] = []
    for _ in 0..<(wakes + Self.warmUp) {
      try await Task.sleep(for: .milliseconds(.random(in: 30...60)))
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

  /// Nanoseconds of CLOCK_MONOTONIC, by which the stand-in notes arrivals.
  private func monotonicNow() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
