public import Provisioning

/// What the ledger tells whoever listens: its NOTIFY.
public enum Signal: Hashable, Sendable {
  /// `codemint_jobs`: there may be work.
  case jobs
  /// `codemint_job_done`.
  case done(JobID)
}
