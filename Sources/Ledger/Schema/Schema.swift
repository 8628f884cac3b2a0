// Ledger is the store: the schema `codemint`, and the statements that the daemon and the commands run
// on it.
//
// `Schema/tables` are forward-only migrations: tables, types, indexes and their comments.
// `Schema/functions`, `Schema/views` and `Schema/roles` are by topic, and `codemint migrate` replaces
// them as a whole, so that the present text of a function stands in one place. `Migrator` does both.
//
// What must happen in one transaction and one round trip is a function in the database. The Swift
// side of a topic is one file: its statements, their parameters, the reading of their rows and the
// method (`Claiming`, `Settling`, `Reconciling`, `Watching`, `Syncing`, ...). `PostgresStore` is the
// `Store` that the worker sees; `JobQueries`, `OverviewQueries` and their like serve the commands and
// the page. `LedgerError` says what keeps the ledger from being used at all.

/// One forward step of the tables.
public struct Migration: Hashable, Sendable {
  /// Its place in the order, from 1.
  public let number: Int
  /// What it brings, in one word.
  public let name: String
  /// The SQL text, of any number of statements.
  public let sql: String

  /// A step that is applied once, in the order of the numbers.
  public init(number: Int, name: String, sql: String) {
    self.number = number
    self.name = name
    self.sql = sql
  }
}

/// The schema that a version of codemint works with.
public struct Schema: Sendable {
  /// The steps that make the tables, in order.
  public let migrations: [Migration]
  /// The SQL text of all functions, triggers and views, which may be run again at any time.
  public let code: String
  /// The SQL text that gives the roles what they need; it runs after the code, if all roles exist.
  public let grants: String

  /// What tells one version of the functions from another: of `code` and `grants` together.
  public let checksum: String

  /// A schema of these parts.
  public init(migrations: [Migration], code: String, grants: String) {
    self.migrations = migrations
    self.code = code
    self.grants = grants
    checksum = Self.checksum(of: code + grants)
  }

  /// The schema of this version.
  public static let current = Schema(
    migrations: [
      Migration(number: 1, name: "ledger", sql: text(PackageResources.m0001_ledger_sql))
    ],
    code: [
      PackageResources.durability_sql, PackageResources.wakes_sql, PackageResources.turns_sql,
      PackageResources.guards_sql, PackageResources.claim_sql, PackageResources.queue_sql,
      PackageResources.pace_sql, PackageResources.settle_sql, PackageResources.facts_sql,
      PackageResources.refusals_sql, PackageResources.reconcile_sql, PackageResources.watch_sql,
      PackageResources.heartbeat_sql, PackageResources.damage_sql, PackageResources.healing_sql,
      PackageResources.insert_sql, PackageResources.events_sql, PackageResources.line_sql,
      PackageResources.sync_sql, PackageResources.cluster_sql,
      PackageResources.steer_sql, PackageResources.retention_sql, PackageResources.waiting_sql,
      PackageResources.judge_sql, PackageResources.producers_sql, PackageResources.webhooks_sql,
      PackageResources.pinned_settings_sql,
      PackageResources.job_status_sql, PackageResources.call_log_sql, PackageResources.doubts_sql,
      PackageResources.account_status_sql, PackageResources.api_facts_sql,
      PackageResources.watches_sql, PackageResources.sync_problems_sql, PackageResources.waits_sql,
      PackageResources.my_codes_sql, PackageResources.my_events_sql, PackageResources.my_waits_sql,
      PackageResources.needs_you_sql,
      PackageResources.webhook_backlog_sql,
      PackageResources.inherited_comments_sql,
    ].map(text).joined(separator: "\n"),
    grants: text(PackageResources.grants_sql)
  )

  /// The SQL text that makes the schema and the tables of the migrations, if they are not there.
  static let bookkeeping = text(PackageResources.migrations_sql)

  /// The tables, functions, views, roles and grants, for people to read.
  public var script: String {
    let tables = migrations.map { "-- migration \($0.number): \($0.name)\n\($0.sql)" }
    return """
      BEGIN;
      \(Self.bookkeeping)
      \(tables.joined(separator: "\n"))
      -- functions and views
      SET LOCAL check_function_bodies = off;
      \(code)
      COMMIT;

      -- roles
      \(Role.allCases.map { "\($0.statement);\n" }.joined())
      BEGIN;
      \(grants)COMMIT;

      """
  }

  /// A checksum of a text that is the same in every process: FNV-1a of 64 bits
  /// (draft-eastlake-fnv). It notices a change; it is no protection against one.
  static func checksum(of text: String) -> String {
    let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { hash, byte in
      (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  private static func text(_ bytes: [UInt8]) -> String {
    String(decoding: bytes, as: UTF8.self)
  }
}

/// How the schema of a database compares with the one that this binary needs.
public enum SchemaState: Hashable, Sendable {
  /// Exactly what is needed.
  case current
  /// These migrations of the tables are missing; all of them if there is no schema yet.
  case behind(missing: [Migration])
  /// The tables have migrations up to this number, which this binary does not know.
  case ahead(number: Int)
  /// A migration was applied with another text than this binary has.
  case altered(Migration)
  /// The functions and views are those of another version of codemint, whose name this is if known.
  case otherCode(version: String?)
  /// Somebody has changed, dropped or added these functions, triggers and views by hand.
  case drifted([String])
  /// Something of the tables is gone, disabled or spent: what it is, and the statement that helps.
  case damaged([String])

  /// Tells what is the matter and what to do.
  public var remedy: String {
    switch self {
    case .current:
      "the schema is up to date"
    case .behind(let missing) where missing.first?.number == 1:
      "the database has no codemint schema: run `codemint migrate`"
    case .behind(let missing):
      "the schema lacks \(missing.count) migration(s) from \(missing[0].number) "
        + "(\(missing[0].name)) on: run `codemint migrate`"
    case .ahead(let number):
      "the schema is at migration \(number), which this codemint does not know: install the "
        + "codemint that migrated it, or a later one"
    case .altered(let migration):
      "migration \(migration.number) (\(migration.name)) was applied with another text than this "
        + "codemint has: install the codemint that migrated the database"
    case .otherCode(let version):
      "the database has the functions of \(version.map { "codemint \($0)" } ?? "no version"), which "
        + "are not those of this codemint: install that version, or run `codemint migrate` of this "
        + "one"
    case .drifted(let names):
      "changed by hand: \(names.joined(separator: ", ")); run `codemint migrate` to put them back"
    case .damaged(let damage):
      "damaged by hand: \(damage.joined(separator: " "))"
    }
  }
}
