import Attack
import Foundation
import Ledger
import Postgres
import Testing

/// Every role runs generated statements over all that it can see in the schema, under settings that show
/// more than others. Nothing of a planted code or key may come back, however it is refused.
@Suite("Attacks: SQL as each role")
struct SQLAttackTests {
  /// A job of somebody else with a key and metadata, beside the codes of `OverhearingTests`.
  private static let scenery =
    OverhearingTests.scenery + """

      INSERT INTO codemint.jobs (reward_id, count, dedupe_key, metadata)
      VALUES (gen_random_uuid(), 5, 'KEYQZWX', '{"order": "KEYQZWX"}');
      SELECT codemint.cancel_job(3, 'NOTEQZWX');
      """

  /// How a code, and what a producer wrote, look as text, as decimal bytes of a plan's constant, and in hex.
  private static let codes = ["SUQZWX", "83 85 81 90 87 88", "535551"]
  private static let keys = ["KEYQZWX", "NOTEQZWX", "75 69 89 81 90 87 88", "4b4559515a"]

  @Test(
    "no statement shows a code to an operator, nor a code, a key or a note to another producer or a stranger",
    arguments: [Role.operator, .producer, nil]
  )
  func statements(role: Role?) async throws {
    try await Logins.lend { logins in
      try await logins.owner.script(Self.scenery)
      let secrets = role == .operator ? Self.codes : Self.codes + Self.keys
      let findings = try await attack(as: role, logins, secrets)
      for finding in findings { Issue.record("\(finding)") }
      // Whatever was tried was taken back.
      let left = try await logins.owner.query(
        "SELECT (SELECT count(*) FROM codemint.codes) + (SELECT count(*) FROM codemint.jobs)"
      )
      #expect(try left.one().int64(0) == 6)
    }
  }

  @Test("who may read codes is shown them by the same statements, so the attack is one")
  func readers() async throws {
    try await Logins.lend { logins in
      try await logins.owner.script(Self.scenery)
      #expect(try await !attack(as: .reader, logins, Self.codes).isEmpty)
    }
  }

  private func attack(as role: Role?, _ logins: Logins, _ secrets: [String]) async throws
    -> [Attack.Finding]
  {
    let maker = try await StatementMaker(logins.owner)
    let name = "SQL as \(role?.rawValue ?? "a login without a role")"
    return try await Attack(name, corpus: [""], dictionary: []).run(batches: 25) { random in
      maker.statement(&random)
    } trying: { statements in
      let script = statements.enumerated().map { "\\echo == \($0)\n\($1)\nROLLBACK;" }
      let heard = try await logins.psql(role, script.joined(separator: "\n") + "\n\\echo == end\n")
      let parts = "\n\(heard)".components(separatedBy: "\n== ")
      guard parts.last?.hasPrefix("end") == true else { return [0: "the session ended"] }
      var found: [Int: String] = [:]
      for part in parts {
        let words = part.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        guard let number = Int(words.prefix { $0 != " " }) else { continue }
        if let secret = secrets.first(where: words.contains) { found[number] = "shows \(secret)" }
      }
      return found
    }
  }
}

/// Makes statements over the tables, views and functions of a schema.
private struct StatementMaker {
  private struct Relation {
    let name: String
    let columns: [String]
  }

  private struct Function {
    let name: String
    let types: [String]
  }

  private let relations: [Relation]
  private let functions: [Function]

  init(_ owner: Connection) async throws {
    relations = try await owner.query(
      """
      SELECT c.oid::regclass::text AS name, string_agg(quote_ident(a.attname), ' ') AS columns
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.relnamespace = 'codemint'::regnamespace AND c.relkind IN ('r', 'v')
      GROUP BY c.oid ORDER BY 1
      """
    ).map {
      Relation(
        name: try $0.text("name"),
        columns: try $0.text("columns").split(separator: " ").map(String.init)
      )
    }
    functions = try await owner.query(
      """
      SELECT p.oid::regproc::text AS name,
             coalesce((SELECT string_agg(format_type(t.type, NULL), ';' ORDER BY t.place)
                       FROM unnest(p.proargtypes) WITH ORDINALITY AS t (type, place)), '') AS types
      FROM pg_proc p
      WHERE p.pronamespace = 'codemint'::regnamespace AND p.prorettype <> 'trigger'::regtype
      ORDER BY 1, 2
      """
    ).map {
      Function(
        name: try $0.text("name"),
        types: try $0.text("types").split(separator: ";").map(String.init)
      )
    }
  }

  /// A transaction that is not ended, under up to three settings.
  func statement(_ random: inout Mutator) -> String {
    let settings = (0..<Int.random(in: 0...3, using: &random)).map { _ in
      Self.settings.randomElement(using: &random) ?? ""
    }
    let body = Bool.random(using: &random) ? ofRelation(&random) : ofFunction(&random)
    // A setting that is refused must not end the transaction.
    let script = settings.map { "\($0);" } + [body + ";"]
    return "\\set ON_ERROR_ROLLBACK on\nBEGIN; SET LOCAL statement_timeout = '10s';\n"
      + script.joined(separator: "\n")
  }

  private func ofRelation(_ random: inout Mutator) -> String {
    guard let relation = relations.randomElement(using: &random),
      let column = relation.columns.randomElement(using: &random),
      let template = Self.templates.randomElement(using: &random)
    else { return "" }
    return template.replacing("%R", with: relation.name).replacing("%C", with: column)
  }

  private func ofFunction(_ random: inout Mutator) -> String {
    guard let function = functions.randomElement(using: &random) else { return "" }
    let values = function.types.map { type in
      let known = Self.values.randomElement(using: &random) ?? "NULL"
      let relation = relations.randomElement(using: &random)
      let row = "(SELECT t FROM \(relation?.name ?? "") t LIMIT 1)"
      let value = type.hasPrefix("codemint.") && Bool.random(using: &random) ? row : known
      return type.hasPrefix("codemint.") && value != row ? "NULL::\(type)" : "\(value)::\(type)"
    }
    let call = "\(function.name)(\(values.joined(separator: ", ")))"
    return [
      "SELECT \(call)", "SELECT * FROM \(call)", "SELECT to_jsonb(f) FROM \(call) AS f",
      "EXPLAIN (ANALYZE, VERBOSE) SELECT \(call)", "SELECT \(call)::text::integer",
    ].randomElement(using: &random) ?? call
  }

  private static let values = [
    "NULL", "'1'", "'2'", "'3'", "'-1'", "'x'", "'adopt'", "'absent'", "'t'", "'{}'", "'0'",
    "'infinity'",
    "'1 day'", "'\(OverhearingTests.call)'", "'\(OverhearingTests.reward)'",
    "(SELECT min(id) FROM codemint.jobs)", "(SELECT code FROM codemint.codes LIMIT 1)",
    "(SELECT dedupe_key FROM codemint.jobs WHERE id = 3)", "'codemint_producer'", "current_user",
  ]

  private static let settings = [
    "SET LOCAL client_min_messages = debug5", "SET LOCAL debug_print_plan = on",
    "SET LOCAL debug_print_parse = on", "SET LOCAL debug_print_rewritten = on",
    "SET LOCAL plan_cache_mode = force_custom_plan", "SET LOCAL row_security = off",
    "SET LOCAL search_path = pg_temp, codemint, pg_catalog", "SET LOCAL ROLE codemint_reader",
    "SET LOCAL ROLE codemint_worker", "SET LOCAL ROLE codemint_operator",
    "SET LOCAL session_replication_role = replica", "SET LOCAL track_functions = 'all'",
    "SET LOCAL enable_seqscan = off", "SET LOCAL enable_indexscan = off",
    "SET LOCAL constraint_exclusion = on", "SET LOCAL lc_messages = 'C'",
    "SET SESSION AUTHORIZATION postgres", "SET LOCAL log_statement = 'all'",
    "SET LOCAL xmlbinary = hex",
    "SET LOCAL bytea_output = escape", "SET LOCAL transaction_read_only = on",
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET CONSTRAINTS ALL DEFERRED",
  ]

  private static let templates = [
    "SELECT * FROM %R", "SELECT t FROM %R t", "SELECT to_jsonb(t) FROM %R t", "SELECT %C FROM %R",
    "SELECT %C::text::integer FROM %R", "SELECT string_agg(%C::text, ',') FROM %R", "TABLE %R",
    "SELECT min(%C), max(%C) FROM %R", "SELECT query_to_xml('SELECT * FROM %R', true, true, '')",
    "SELECT * FROM %R WHERE %C::text::integer = 1", "SELECT * FROM %R ORDER BY %C FOR UPDATE",
    "COPY %R TO STDOUT", "COPY %R (%C) TO STDOUT", "COPY (SELECT * FROM %R) TO STDOUT",
    "EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM %R", "SELECT * FROM %R TABLESAMPLE SYSTEM (100)",
    "EXPLAIN (VERBOSE) SELECT * FROM %R WHERE %C::text > 'S'",
    "CREATE TEMP TABLE mine AS SELECT * FROM %R; SELECT * FROM mine",
    "CREATE TEMP VIEW mine AS SELECT * FROM %R; SELECT * FROM mine",
    "DECLARE mine CURSOR FOR SELECT * FROM %R; FETCH ALL FROM mine",
    "PREPARE mine AS SELECT %C FROM %R; EXECUTE mine; DEALLOCATE mine",
    "INSERT INTO %R DEFAULT VALUES RETURNING *", "INSERT INTO %R SELECT * FROM %R",
    "INSERT INTO %R SELECT * FROM %R ON CONFLICT DO NOTHING RETURNING *",
    "UPDATE %R SET %C = %C RETURNING *", "UPDATE %R SET %C = NULL", "DELETE FROM %R",
    "DELETE FROM %R RETURNING %C", "TRUNCATE %R CASCADE", "LOCK TABLE %R IN SHARE MODE",
    "ALTER TABLE %R ADD CHECK (%C IS NULL)", "CREATE INDEX ON %R (%C)", "ANALYZE VERBOSE %R",
    "GRANT SELECT ON %R TO PUBLIC", "SELECT * FROM pg_stats WHERE schemaname = 'codemint'",
    "SELECT * FROM pg_stat_activity", "SELECT * FROM pg_stats_ext_exprs",
    "DO $$ DECLARE v record; BEGIN FOR v IN SELECT * FROM %R LOOP RAISE NOTICE '%', v; END LOOP; END $$",
    """
    CREATE FUNCTION pg_temp.leak(anyelement) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
    $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$;
    SELECT * FROM %R t WHERE pg_temp.leak(t.%C)
    """,
    """
    CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
    $$ BEGIN RAISE EXCEPTION '%', $1; END $$;
    SELECT count(*) FROM %R t WHERE pg_temp.leak(t.%C::text)
    """,
    "MERGE INTO %R t USING %R s ON t.%C = s.%C WHEN MATCHED THEN DO NOTHING",
    "SELECT lo_import('/etc/passwd')", "SELECT * FROM pg_stat_statements",
  ]
}
