import Ledger
import Postgres

/// What `codemint doctor` says of a trial.
enum TrialFinding {
  static func finding(_ outcome: Trial.Outcome) -> Finding {
    let subject = "trial"
    guard let (part, error) = outcome.failed else {
      let parts = outcome.passed.map(\.rawValue).joined(separator: " and ")
      return .ok(subject, "\(parts): done as \(outcome.role), and rolled back")
    }
    return .failed(subject, "\(part.rawValue) as \(outcome.role): \(error)", remedy(error))
  }

  private static func remedy(_ error: PostgresError) -> String {
    switch error.sqlState {
    case "42501": "let an administrator grant the privilege, or run codemint migrate again"
    case "55P03": "end the transaction that has the row or the table locked, and try again"
    case "53100": "make room on the database's disk; daemons go on by themselves then"
    case "25006": "let database.url end with target_session_attrs=read-write"
    default: "correct what the message names: daemons meet the same error"
    }
  }
}
