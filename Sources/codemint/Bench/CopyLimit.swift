import Foundation
import Postgres

/// The limit that Postgres itself sets: the rows of a run by one COPY into the same table, emptied,
/// with its indexes and constraints.
struct CopyLimit {
  let connection: Connection
  /// A directory of the server's, in which it writes the rows for a while.
  let directory: String

  /// Rows a second.
  func measure(_ rows: Int) async throws -> Double {
    let path = "\(directory)/bench.copy"
    defer { unlink(path) }
    let out = "COPY (SELECT * FROM codemint.codes WHERE job_id > 0) TO '\(path)' (FORMAT binary)"
    _ = try await connection.query(Statement(out))
    _ = try await connection.query("TRUNCATE codemint.codes")
    _ = try await connection.query("CHECKPOINT")
    let start = ContinuousClock.now
    _ = try await connection.query(
      Statement("COPY codemint.codes FROM '\(path)' (FORMAT binary)")
    )
    return Double(rows) / ((ContinuousClock.now - start) / .seconds(1))
  }
}
