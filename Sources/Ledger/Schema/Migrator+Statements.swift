import Postgres

extension Migrator {
  /// What the migrator runs.
  enum Statements {
    /// Held until the transaction ends. The number is arbitrary, and the same for every migrator.
    static let lock: Statement = "LOCK TABLE codemint.migrations IN SHARE ROW EXCLUSIVE MODE"

    /// A unique index of the catalogue, a schema or a table refuses what is there already.
    static let alreadyMade: Set<String?> = ["23505", "42P06", "42P07"]

    static let isInstalled: Statement = """
      SELECT to_regclass('codemint.migrations') IS NOT NULL
             AND to_regclass('codemint.installed_code') IS NOT NULL AS installed
      """

    static let applied: Statement = "SELECT number, checksum FROM codemint.migrations"

    static let installed: Statement = "SELECT checksum, version FROM codemint.installed_code"

    static let record: Statement = """
      INSERT INTO codemint.migrations (number, name, checksum) VALUES ($1, $2, $3)
      """

    /// Those that call a function of the schema: a user's trigger that calls a function of the user's
    /// own is left alone.
    private static let triggers = """
      pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc f ON f.oid = t.tgfoid
      WHERE c.relnamespace = 'codemint'::regnamespace
        AND f.pronamespace = 'codemint'::regnamespace AND NOT t.tgisinternal
      """

    /// Policies of the jobs that the grants make. They are there once the roles are.
    private static let policies = """
      SELECT format('policy %I', o.polname) AS name,
             md5(concat_ws('|', o.polcmd, o.polpermissive,
                           ARRAY(SELECT r.rolname FROM pg_roles r WHERE r.oid = ANY (o.polroles) ORDER BY 1)::text,
                           regexp_replace(concat_ws('|', o.polqual, o.polwithcheck),
                                          ':(location|varnosyn|varattnosyn) -?[0-9]+', '', 'g'))) AS fingerprint,
             NULL::oid AS trigger, NULL::oid AS view, true AS is_policy
      FROM pg_policy o
      WHERE o.polrelid = to_regclass('codemint.jobs')
        AND o.polname IN ('a producer inserts in its own name', 'a producer sees its own jobs',
                          'operators and readers see every job', 'the daemon works on every job')
      UNION ALL
      SELECT 'row security of jobs', 'on', NULL, NULL, true
      FROM pg_class c WHERE c.oid = to_regclass('codemint.jobs') AND c.relrowsecurity
      """

    /// Functions, triggers, views and policies of the schema, each with a fingerprint of its catalog entry.
    /// That is read without a lock, so that a daemon starts while somebody has locked a table. Entries of
    /// triggers and views name others by number.
    private static let objects = """
      SELECT format('%I(%s)', p.proname, pg_get_function_identity_arguments(p.oid)) AS name,
             md5(concat_ws('|', p.prosrc, p.prolang, p.prosecdef, p.provolatile, p.proisstrict,
                           p.proconfig::text, pg_get_function_arguments(p.oid),
                           pg_get_function_result(p.oid))) AS fingerprint,
             NULL::oid AS trigger, NULL::oid AS view, false AS is_policy
      FROM pg_proc p WHERE p.pronamespace = 'codemint'::regnamespace
      UNION ALL
      SELECT format('trigger %I', t.tgname),
             md5(concat_ws('|', t.tgrelid, t.tgfoid, t.tgtype, t.tgattr, t.tgargs, t.tgqual,
                           t.tgoldtable, t.tgnewtable)),
             t.oid, NULL, false
      FROM \(triggers)
      UNION ALL
      SELECT format('view %I', c.relname),
             md5(concat_ws('|', r.ev_action::text,
                           (SELECT string_agg(a.attname, '|' ORDER BY a.attnum)
                            FROM pg_attribute a WHERE a.attrelid = c.oid))),
             NULL, c.oid, false
      FROM pg_class c JOIN pg_rewrite r ON r.ev_class = c.oid
      WHERE c.relnamespace = 'codemint'::regnamespace AND c.relkind = 'v'
      UNION ALL
      \(policies)
      """

    /// A trigger or a view as it is written, which needs a lock on its tables; null for a function.
    private static let definition = """
      md5(coalesce(pg_get_triggerdef(n.trigger), pg_get_viewdef(n.view)))
      """

    private static let server = "current_setting('server_version_num')::integer / 10000"

    /// In a database that was restored from a dump every object has another number, and then what is
    /// written is compared. Another major version of the server prints the same view in another way, and has
    /// another form for the conditions of policies. Policies are not known if the roles were made after the
    /// functions.
    static let drifted = Statement(
      """
      SELECT coalesce(n.name, o.key) AS name
      FROM codemint.installed_code i
      CROSS JOIN LATERAL jsonb_each_text(i.objects) o
      FULL JOIN (\(objects)) n ON n.name = o.key
      WHERE CASE WHEN n.fingerprint = split_part(o.value, ' ', 1) THEN false
                 WHEN n.is_policy AND (o.key IS NULL OR i.server <> \(server)) THEN false
                 WHEN o.key IS NULL OR coalesce(n.trigger, n.view) IS NULL THEN true
                 WHEN n.view IS NOT NULL AND i.server <> \(server) THEN false
                 ELSE \(definition) <> split_part(o.value, ' ', 2) END
      ORDER BY 1
      """
    )

    /// Whether the function is there that knows what the tables consist of: it is one of those that follow them.
    static let knowsParts: Statement = """
      SELECT to_regprocedure('codemint.table_parts(boolean)') IS NOT NULL AS found
      """

    static let parts: Statement = "SELECT part FROM codemint.table_parts(false)"

    /// Remembers what the tables consist of with the newest migration, by what they consisted of before. What was there
    /// already and is in no migration is somebody's own. What was lost before stays known.
    static let noteParts: Statement = """
      WITH known AS (
        SELECT p.key, p.value
        FROM (SELECT m.parts FROM codemint.migrations m WHERE m.parts <> '{}' ORDER BY m.number DESC LIMIT 1) l
        CROSS JOIN LATERAL jsonb_each(l.parts) p)
      UPDATE codemint.migrations m
      SET parts = (
        SELECT coalesce(jsonb_object_agg(
                 coalesce(k.key, n.part),
                 CASE WHEN n.part IS NULL THEN k.value
                      ELSE to_jsonb(n) - 'part' END), '{}')
        FROM codemint.table_parts(true) n FULL JOIN known k ON k.key = n.part
        WHERE CASE WHEN n.part IS NULL THEN k.key <> ALL ($1)
                   ELSE k.key IS NOT NULL OR n.part <> ALL ($1) END)
      WHERE m.number = (SELECT max(o.number) FROM codemint.migrations o)
      """

    static let damage: Statement = "SELECT what, what_helps FROM codemint.find_damage()"

    static let noteCode = Statement(
      """
      INSERT INTO codemint.installed_code AS i (checksum, version, objects, server)
      SELECT $1, $2, jsonb_object_agg(n.name, concat_ws(' ', n.fingerprint, \(definition))), \(server)
      FROM (\(objects)) n
      ON CONFLICT (only_row) DO UPDATE
      SET checksum = excluded.checksum, version = excluded.version, objects = excluded.objects,
          server = excluded.server, installed_at = clock_timestamp(), installed_by = current_user
      """
    )

    /// Remembers the policies that grants have made without anything else being replaced.
    static let notePolicies = Statement(
      """
      UPDATE codemint.installed_code i
      SET objects = i.objects || coalesce((SELECT jsonb_object_agg(n.name, n.fingerprint) FROM (\(policies)) n), '{}')
      """
    )

    /// A mark changes whenever the object is replaced.
    private static let marked = """
      SELECT format('%s/%s', p.oid, p.xmin) AS mark, 3 AS place,
             format('DROP FUNCTION %s', p.oid::regprocedure) AS drop
      FROM pg_proc p WHERE p.pronamespace = 'codemint'::regnamespace
      UNION ALL
      SELECT format('%s/%s', t.oid, t.xmin), 1,
             format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass)
      FROM \(triggers)
      UNION ALL
      SELECT format('%s/%s', c.oid, c.xmin), 2, format('DROP VIEW %s', c.oid::regclass)
      FROM pg_class c WHERE c.relnamespace = 'codemint'::regnamespace AND c.relkind = 'v'
      """

    static let marks = Statement("SELECT mark FROM (\(marked)) o")

    static let unreplaced = Statement(
      "SELECT o.drop FROM (\(marked)) o WHERE o.mark = ANY ($1) ORDER BY o.place"
    )

    /// SQLSTATEs of what CREATE OR REPLACE cannot do: another result of a function, fewer columns of a
    /// view.
    static let mustBeDropped: Set<String> = ["42P13", "42P16"]

    /// A new function is everybody's to execute, also one that runs with its owner's rights, for as
    /// long as the roles have not been set up. (Default privileges cannot do that for one schema
    /// alone.)
    static let close = "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA codemint FROM PUBLIC"

    static let hasAccount: Statement = """
      SELECT to_regclass('codemint.account') IS NOT NULL AS found
      """

    static let stopClaims: Statement = """
      WITH stopped AS (
        UPDATE codemint.account SET upgrading_until = clock_timestamp() + interval '10 seconds'
        RETURNING in_flight)
      SELECT s.in_flight,
             EXISTS (SELECT FROM codemint.workers w
                     WHERE w.expires_at >= clock_timestamp()) AS is_worker_alive
      FROM stopped s
      """

    static let resumeClaims: Statement = """
      UPDATE codemint.account SET upgrading_until = NULL RETURNING in_flight, CASE WHEN pg_notification_queue_usage()
        < 0.5 THEN concat(pg_notify('codemint_control', ''), pg_notify('codemint_jobs', '')) END
      """
  }
}
