import Ledger
import Postgres

/// Follows jobs on a progress board until they have ended, over outages of the database too.
struct JobWatch {
  let desk: JobDesk
  let output: FileDescriptor
  /// How long between two looks.
  var interval: Duration = .milliseconds(500)

  /// Follows these jobs; returns how they ended.
  /// - Throws: `LedgerError` naming a job that does not exist, or the database's refusal.
  func follow(_ jobs: [Int64]) async throws -> [JobStatus] {
    var board = ProgressBoard(output)
    while true {
      if let found = try await look({ try await desk.status(of: jobs) }) {
        board.show(found)
        if found.allSatisfy(\.isFinished) { return found }
      }
      try await Task.sleep(for: interval)
    }
  }

  /// Follows whatever is open, and what ends meanwhile, for ever.
  func followOpen(limit: Int) async throws {
    var board = ProgressBoard(output)
    while true {
      if let found = try await look({ try await desk.recent(limit: limit) }) {
        board.show(found.reversed())
      }
      try await Task.sleep(for: interval)
    }
  }

  /// Nil if the database does not answer at the moment.
  private func look(_ ask: () async throws -> [JobStatus]) async throws -> [JobStatus]? {
    do {
      return try await ask()
    } catch let error as PostgresError where error.isConnectionLost {
      return nil
    }
  }
}
