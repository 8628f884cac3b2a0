/// How the schema of a database compares with what this binary needs.
public enum SchemaState: Hashable, Sendable {
  /// Exactly what is needed.
  case current
  /// These migrations are missing; all of them if there is no schema yet.
  case behind(missing: [Migration])
  /// The schema has migrations up to this number, which this binary does not know.
  case ahead(number: Int)
  /// A migration was applied with another text than this binary has.
  case altered(Migration)

  /// Tells what is the matter and what to do.
  public var remedy: String {
    switch self {
    case .current:
      "the schema is up to date"
    case .behind(let missing) where missing.count == Migration.all.count:
      "the database has no codemint schema: run `codemint migrate`"
    case .behind(let missing):
      "the schema lacks \(missing.count) migration(s) from \(missing[0].number) "
        + "(\(missing[0].name)) on: run `codemint migrate`"
    case .ahead(let number):
      "the schema is at migration \(number), this codemint knows \(Migration.newest): "
        + "install the codemint that migrated it, or a later one"
    case .altered(let migration):
      "migration \(migration.number) (\(migration.name)) was applied with another text than this "
        + "codemint has: install the codemint that migrated the database"
    }
  }
}
