/// What can happen to a job, as `codemint.events` names it.
public enum JobEventKind: String, Hashable, Sendable, CaseIterable {
  /// The job was inserted.
  case queued
  /// Its first call was claimed.
  case running
  /// It waits for a person.
  case held
  /// It proceeds.
  case released
  /// It has all its codes.
  case completed
  /// The API refuses it.
  case failed
  /// An operator or its producer ended it.
  case cancelled
  /// No code of the job waits for another system any more.
  case syncDone = "sync_done"
  /// Codes came that the job has no room for.
  case surplus
}
