import Postgres
import Provisioning

extension Rows {
  /// The jobs that ended, of an answer that has a row for each, or one row without a job.
  func endedJobs() throws(PostgresError) -> [EndedJob] {
    var ended: [EndedJob] = []
    for row in self {
      guard let job = try row.optionalInt64("job_id") else { continue }
      ended.append(EndedJob(job: JobID(job), state: try row.state("job_state")))
    }
    return ended
  }
}

extension WatchAnswer {
  /// Reads the answer to `ReconcilingStatements.concludeWatch`.
  init(_ rows: Rows) throws(PostgresError) {
    guard let first = rows.first else { throw PostgresError(.unexpectedResult, "no row") }
    switch try first.text("outcome") {
    case "done":
      self = .done(
        issued: try first.integer("issued"),
        surplus: try first.integer("surplus"),
        ended: try rows.endedJobs()
      )
    case "wait": self = .wait
    default: self = .lost
    }
  }
}
