/// A role of the database that people and programs are granted, and that nobody logs in as.
///
/// Roles belong to the cluster and not to the database, so they may exist already, made for another
/// database with codemint in it (PostgreSQL manual, "Database Roles").
public enum Role: String, CaseIterable, Sendable {
  /// Inserts jobs, and sees how its own stand.
  case producer = "codemint_producer"
  /// Sees everything but the codes, and steers.
  case `operator` = "codemint_operator"
  /// Reads the codes.
  case reader = "codemint_reader"
  /// The daemon.
  case worker = "codemint_worker"

  /// What makes it, for who may make roles.
  public var statement: String { "CREATE ROLE \(rawValue) NOLOGIN" }
}
