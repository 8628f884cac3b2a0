import Ledger
import Postgres
import TestSupport
import Testing

/// psql's `\d+` and `\df+` are the manual of the schema.
@Suite("the manual in the schema")
struct ManualTests {
  @Test("every table, view, column, sequence, trigger and operator's function says what it is")
  func complete() async throws {
    try await TestServer.lend(.migrated) { settings in
      let connection = try await Connection.open(settings)
      let silent = try await connection.query(Self.silent).map { try $0.text("name") }
      #expect(silent == [])
      await connection.close()
    }
  }

  @Test("the tables whose rows change again and again are vacuumed early")
  func vacuumed() async throws {
    try await TestServer.lend(.migrated) { settings in
      let connection = try await Connection.open(settings)
      let tuned = try await connection.query(
        """
        SELECT c.relname::text AS name FROM pg_class c
        WHERE c.relnamespace = 'codemint'::regnamespace
          AND array_to_string(c.reloptions, ' ') LIKE '%autovacuum_vacuum_scale_factor=%'
        ORDER BY 1
        """
      ).map { try $0.text("name") }
      #expect(
        tuned == [
          "calls", "codes", "jobs", "line_marks", "listed_codes", "pending_placements", "rewards",
          "tracked_rewards", "unnumbered_events", "webhook_deliveries",
        ]
      )
      await connection.close()
    }
  }

  private static let silent: Statement = """
    SELECT c.relname::text AS name FROM pg_class c
    WHERE c.relnamespace = 'codemint'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
      AND obj_description(c.oid, 'pg_class') IS NULL
    UNION ALL
    SELECT format('%s.%s', c.relname, a.attname) FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'codemint'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
      AND col_description(c.oid, a.attnum) IS NULL
    UNION ALL
    SELECT p.proname::text FROM pg_proc p
    WHERE p.pronamespace = 'codemint'::regnamespace AND p.prosecdef
      AND p.prorettype <> 'trigger'::regtype AND obj_description(p.oid, 'pg_proc') IS NULL
    UNION ALL
    SELECT g.tgname::text FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
    WHERE c.relnamespace = 'codemint'::regnamespace AND NOT g.tgisinternal
      AND obj_description(g.oid, 'pg_trigger') IS NULL
    UNION ALL
    SELECT n.nspname::text FROM pg_namespace n
    WHERE n.nspname = 'codemint' AND obj_description(n.oid, 'pg_namespace') IS NULL
    ORDER BY 1
    """
}
