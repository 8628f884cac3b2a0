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
    var round = 0
    while true {
      if let found = try await look({ try await desk.status(of: jobs) }) {
        let isLast = found.allSatisfy(\.isFinished)
        board.show(
          found,
          sync: try await sync(of: found, isDue: isLast || round % Self.rarely == 0)
        )
        if isLast { return found }
      }
      round += 1
      try await Task.sleep(for: interval)
    }
  }

  /// Follows whatever is open, and what ends meanwhile, for ever.
  func followOpen(limit: Int) async throws {
    var board = ProgressBoard(output)
    var round = 0
    while true {
      if let found = try await look({ try await desk.recent(limit: limit) }) {
        board.show(
          found.reversed(),
          sync: try await sync(of: found, isDue: round % Self.rarely == 0)
        )
      }
      round += 1
      try await Task.sleep(for: interval)
    }
  }

  /// How far the codes are in other systems. Asked for more rarely than the rest, since codes are
  /// counted for it; nil if it is not asked for, or the database does not answer.
  private func sync(of jobs: [JobStatus], isDue: Bool) async throws -> [Int64: JobSync]? {
    guard isDue else { return nil }
    return try await look { try await desk.sync(of: jobs.map(\.id)) }
  }

  /// Every how many looks.
  private static let rarely = 6

  /// Nil if the database does not answer at the moment.
  private func look<Found>(_ ask: () async throws -> Found) async throws -> Found? {
    do {
      return try await ask()
    } catch let error as PostgresError where error.isConnectionLost {
      return nil
    }
  }
}
