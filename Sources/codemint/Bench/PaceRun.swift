import Postgres
import Provisioning

/// Measures how a fleet keeps and uses its rate limit. The simulated API refuses more requests than
/// that in any second, and records when each request arrived.
struct PaceRun: Sendable {
  let server: BenchServer
  let pace: Int
  let seconds: Int
  let daemons: Int

  struct Figures: Encodable, Sendable {
    let daemons: Int
    let requestsPerSecond: Int
    let requests: Int
    /// The most requests in any sliding second.
    let mostInOneSecond: Int
    /// The number of requests that were answered with 429.
    let refused: Int
    /// The share of the slots that was used, 0 to 1.
    let used: Double
    /// The milliseconds from one request to the next.
    let gaps: Shares

    /// Whether the limit was kept, and at least 97 % of it was used.
    var isKept: Bool { mostInOneSecond <= requestsPerSecond && refused == 0 && used >= 0.97 }
  }

  func run() async throws -> Figures {
    try await server.withDatabase { database in
      let connection = try await database.connect()
      _ = try await connection.query(
        """
        INSERT INTO codemint.jobs (reward_id, count)
        SELECT gen_random_uuid(), 1000000 FROM generate_series(1, 4)
        """
      )
      await connection.close()
      return try await BenchAPI.with(requestsPerSecond: pace, latency: .milliseconds(100)) { api in
        var fleet: [BenchDaemon] = []
        let limits = Limits(
          requestsPerSecond: Double(pace),
          burst: 1,
          maxInFlight: max(pace, 16),
          maxInFlightPerReward: 16
        )
        do {
          for _ in 0..<daemons {
            fleet.append(try await BenchDaemon.start(on: database, api: api.url, limits: limits))
          }
          try await Task.sleep(for: .seconds(seconds + 2))
        } catch {
          for daemon in fleet { await daemon.stop() }
          throw error
        }
        for daemon in fleet { await daemon.stop() }
        return try figures(api)
      }
    }
  }

  private func figures(_ api: BenchAPI) throws -> Figures {
    let all = api.sandbox.truth.requests().sorted { $0.arrivedAt < $1.arrivedAt }
    guard let first = all.first else { throw CommandError(.failed, "no request arrived") }
    let end = first.arrivedAt + UInt64(seconds) * 1_000_000_000
    let counted = all.filter { $0.arrivedAt < end }
    let moments = counted.map(\.arrivedAt)
    let gaps = zip(moments, moments.dropFirst()).map { Double($1 - $0) / 1e6 }
    guard let shares = Shares(gaps) else { throw CommandError(.failed, "one request arrived") }
    return Figures(
      daemons: daemons,
      requestsPerSecond: pace,
      requests: counted.count,
      mostInOneSecond: Self.mostInOneSecond(moments),
      refused: counted.count { $0.status == 429 },
      used: Double(counted.count) / Double(pace * seconds),
      gaps: shares
    )
  }

  /// The most of these ascending times, in nanoseconds, that lie within any second.
  static func mostInOneSecond(_ moments: [UInt64]) -> Int {
    var most = 0
    var oldest = 0
    for (number, moment) in moments.enumerated() {
      while moments[oldest] + 1_000_000_000 <= moment { oldest += 1 }
      most = max(most, number - oldest + 1)
    }
    return most
  }
}
