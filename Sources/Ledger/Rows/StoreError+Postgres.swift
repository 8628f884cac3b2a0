import Postgres
import Provisioning

extension StoreError {
  /// What a failure of the database means for a worker.
  init(_ error: PostgresError) {
    if error.isContentRefused {
      self.init(.contentRefused, error.description)
    } else if error.isOutcomeUnknown || error.isConnectionLost || error.isRetryable
      || error.isPassing
    {
      self.init(.unavailable, error.description)
    } else {
      self.init(.failed, error.description)
    }
  }

  /// A claim of which it is not known whether it stands: asked for again, it is found or made.
  static let unsure = StoreError(.unavailable, "it is not known whether the claim was committed")

  /// A warning on a statement that commits counts as a lost acknowledgement (protocol, rule 1):
  /// it can mean that a synchronous standby has not got it.
  static func unconfirmed(_ rows: Rows) -> StoreError {
    StoreError(
      .unavailable,
      "the commit came with a warning: \(rows.notices.first(where: \.isWarning)?.message ?? "")"
    )
  }
}

extension PostgresError {
  /// Whether the server is in a state that passes: out of resources (class 53), being stopped or
  /// started (class 57), a standby that is read-only (25006), or no connection came about.
  fileprivate var isPassing: Bool {
    if code == .connectFailed || code == .deadlineExceeded || code == .closed
      || code == .cancelled || code == .outOfResources
    {
      return true
    }
    guard let sqlState else { return false }
    return sqlState.hasPrefix("53") || sqlState.hasPrefix("57") || sqlState == "25006"
  }
}
