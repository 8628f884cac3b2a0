// Ledger is the store: the schema `codemint`, the statements that the daemon runs on it, and the
// translation between its rows and the values of `Provisioning`.
//
// What must happen in one transaction and one round trip is a function in the database
// (`Migrations/SQL`): claim_call, settle_call, tend. The statements that call them are named
// constants in `Statements/`, each with its why; `Rows/` binds and reads their values.
// `PostgresStore` is the `Store` that the worker sees, `Migrator` brings a schema up to date, and
// `LedgerError` is what both throw. Nothing here decides anything that `Provisioning` has a rule
// for, except where a decision has to be made under a lock; the conformance tests hold such SQL
// to the same rules.

/// One forward step of the schema, embedded in the binary.
public struct Migration: Hashable, Sendable {
  /// Its place in the order, from 1.
  public let number: Int
  /// What it brings, in one word.
  public let name: String
  /// The SQL text, of any number of statements.
  public let sql: String

  /// Every migration of this binary, in order.
  public static let all: [Migration] = [
    Migration(1, "ledger", PackageResources.m0001_ledger_sql),
    Migration(2, "claim", PackageResources.m0002_claim_sql),
    Migration(3, "settle", PackageResources.m0003_settle_sql),
    Migration(4, "tend", PackageResources.m0004_tend_sql),
    Migration(5, "reconcile", PackageResources.m0005_reconcile_sql),
    Migration(6, "cluster", PackageResources.m0006_cluster_sql),
    Migration(7, "views", PackageResources.m0007_views_sql),
    Migration(8, "actions", PackageResources.m0008_actions_sql),
    Migration(9, "steer", PackageResources.m0009_steer_sql),
    Migration(10, "learn", PackageResources.m0010_learn_sql),
    Migration(11, "line", PackageResources.m0011_line_sql),
    Migration(12, "pace", PackageResources.m0012_pace_sql),
    Migration(13, "watch", PackageResources.m0013_watch_sql),
    Migration(14, "sync", PackageResources.m0014_sync_sql),
    Migration(15, "settled", PackageResources.m0015_settled_sql),
    Migration(16, "retention", PackageResources.m0016_retention_sql),
    Migration(17, "manual", PackageResources.m0017_manual_sql),
    Migration(18, "waits", PackageResources.m0018_waits_sql),
  ]

  /// The highest number there is.
  static let newest = all.map(\.number).max() ?? 0

  private init(_ number: Int, _ name: String, _ text: [UInt8]) {
    self.number = number
    self.name = name
    self.sql = String(decoding: text, as: UTF8.self)
  }
}
