import Postgres

/// What a daemon with the default settings does while there is nothing to do.
struct IdleRun: Sendable {
  let server: BenchServer
  let seconds: Int

  struct Figures: Encodable, Sendable {
    let seconds: Int
    /// Seconds of the daemon's CPU.
    let cpu: Double
    let transactions: Int
    /// The daemon's memory at the end, in bytes.
    let resident: Int
    let anonymous: Int
  }

  func run() async throws -> Figures {
    try await server.withDatabase { database in
      try await BenchAPI.with { api in
        let daemon = try await BenchDaemon.start(on: database, api: api.url)
        do {
          // Until the transactions of the start have been counted: the server tells of them late.
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
