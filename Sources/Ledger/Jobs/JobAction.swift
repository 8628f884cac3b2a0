import Postgres

/// What an operator may do to a job.
public enum JobAction: String, Sendable, CaseIterable {
  /// Stops it for good.
  case cancel
  /// Lets it take no new call.
  case pause
  /// Lets a paused job go on.
  case resume
  /// Opens a failed or cancelled job again for what it lacks.
  case retry

  var statement: Statement {
    switch self {
    case .cancel: JobStatements.cancel
    case .pause: JobStatements.pause
    case .resume: JobStatements.resume
    case .retry: JobStatements.retry
    }
  }
}
