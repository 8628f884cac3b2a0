import Postgres

/// What the migrator runs.
enum MigrationStatements {
  /// Held until the transaction ends. The number is arbitrary, and the same for every migrator.
  static let lock: Statement = "SELECT pg_advisory_xact_lock(7226321903127)"

  static let isInstalled: Statement = """
    SELECT to_regclass('codemint.migrations') IS NOT NULL AS installed
    """

  /// Asks before it creates, so that a role without the right to create can migrate nothing.
  static let install = """
    DO $$
    BEGIN
      IF to_regnamespace('codemint') IS NULL THEN
        CREATE SCHEMA codemint;
      END IF;
      IF to_regclass('codemint.migrations') IS NULL THEN
        CREATE TABLE codemint.migrations (
          number     integer     PRIMARY KEY,
          name       text        NOT NULL,
          checksum   text        NOT NULL,
          applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
          applied_by text        NOT NULL DEFAULT current_user
        );
        COMMENT ON TABLE codemint.migrations IS
          'The steps of the schema that were applied, each with the checksum of its text.';
      END IF;
    END
    $$
    """

  /// Runs with each migration, since a new function is everybody's to execute: also one that runs with
  /// its owner's rights, for as long as the roles have not been set up again. (Default privileges
  /// cannot do that for one schema alone.)
  static let close = "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA codemint FROM PUBLIC"

  static let applied: Statement = """
    SELECT number, checksum FROM codemint.migrations ORDER BY number
    """

  static let isApplied: Statement = """
    SELECT number FROM codemint.migrations WHERE number = $1
    """

  static let checksum: Statement = """
    SELECT md5($1::text) AS checksum
    """

  static let record: Statement = """
    INSERT INTO codemint.migrations (number, name, checksum) VALUES ($1, $2, md5($3::text))
    """
}
