import Ledger
import Postgres
import Provisioning

/// The time of a claim among few and among many waiting jobs. A tenth of the jobs has the highest
/// priority but waits for a closed reward. Four tenths begin tomorrow. A quarter has a reward for each
/// job, and a quarter shares one reward.
struct ClaimRun: Sendable {
  let server: BenchServer
  /// The most waiting jobs.
  let backlog: Int

  struct Figures: Encodable, Sendable {
    struct Step: Encodable, Sendable {
      let waiting: Int
      let milliseconds: Shares
    }

    let steps: [Step]

    /// The median among the most jobs, as a multiple of the median among the fewest.
    var growth: Double? {
      guard let fewest = steps.first, let most = steps.last, steps.count > 1 else { return nil }
      return most.milliseconds.p50 / fewest.milliseconds.p50
    }
  }

  func run() async throws -> Figures {
    var steps: [Figures.Step] = []
    var waiting = 1000
    while waiting < backlog {
      steps.append(try await step(waiting))
      waiting *= 10
    }
    steps.append(try await step(backlog))
    return Figures(steps: steps)
  }

  private func step(_ waiting: Int) async throws -> Figures.Step {
    try await server.withDatabase { database in
      let connection = try await database.connect()
      for statement in Self.fill {
        let takes = statement.sql.contains("$1")
        _ = try await connection.query(statement, takes ? [.int4(Int32(waiting))] : [])
      }
      await connection.close()
      let pool = Pool(try ConnectionSettings(database.url), limit: 1)
      let times: [Double]
      do {
        times = try await claim(PostgresStore(pool: pool))
      } catch {
        await pool.close()
        throw error
      }
      await pool.close()
      guard let shares = Shares(times) else { throw CommandError(.failed, "nothing was claimed") }
      return Figures.Step(waiting: waiting, milliseconds: shares)
    }
  }

  private func claim(_ store: PostgresStore) async throws -> [Double] {
    var random = SystemRandomNumberGenerator()
    let worker = WorkerID(UniqueID(random: &random))
    var times: [Double] = []
    for turn in 0..<220 {
      let request = ClaimRequest(
        call: CallID(UniqueID(random: &random)),
        worker: worker,
        lengths: CallLengths(
          lease: .seconds(60),
          apiTimeout: .seconds(60),
          listingGap: .seconds(10)
        )
      )
      let start = ContinuousClock.now
      let claim = try await store.claim(request)
      let milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
      guard case .call = claim else { throw CommandError(.failed, "claim \(turn) found nothing") }
      // The first claims prepare statements and fill caches.
      if turn >= 20 { times.append(milliseconds) }
    }
    return times
  }

  private static let fill: [Statement] = [
    """
    UPDATE codemint.account
    SET requests_per_second = 1e6, burst = 1000000, max_in_flight = 1000000,
        max_in_flight_per_reward = 1000000
    """,
    """
    UPDATE codemint.cluster_identity
    SET timeline = left(pg_walfile_name(pg_current_wal_lsn()), 8)
    """,
    """
    INSERT INTO codemint.rewards (reward_id, closed_at)
    VALUES ('00000000-0000-4000-8000-00000000000c', now())
    """,
    """
    INSERT INTO codemint.jobs (reward_id, count, priority)
    SELECT '00000000-0000-4000-8000-00000000000c', 10, 0 FROM generate_series(1, $1 / 10)
    """,
    """
    INSERT INTO codemint.jobs (reward_id, count, run_at)
    SELECT gen_random_uuid(), 10, now() + interval '1 day' FROM generate_series(1, $1 * 4 / 10)
    """,
    """
    INSERT INTO codemint.jobs (reward_id, count)
    SELECT gen_random_uuid(), 10 FROM generate_series(1, $1 / 4)
    """,
    """
    INSERT INTO codemint.jobs (reward_id, count)
    SELECT '3c90c3cc-0d44-4b50-8888-8dd25736052a', 1000 FROM generate_series(1, $1 / 4)
    """,
    "VACUUM ANALYZE",
    "CHECKPOINT",
  ]
}
