import Postgres

/// What `RoleSetup` and `PrivilegeCheck` run.
enum RoleStatements {
  static let insufficientPrivilege = "42501"

  static let isOwner: Statement = """
    SELECT pg_has_role(n.nspowner, 'USAGE') AS is_owner
    FROM pg_namespace n WHERE n.nspname = 'codemint'
    """

  static let exists: Statement = """
    SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS found
    """

  static let grants = String(decoding: PackageResources.grants_sql, as: UTF8.self)

  /// The first thing that the daemon needs and this login may not: a function of the daemon's, or a
  /// table. `claim_call` and the like run with their caller's rights, so that both are needed.
  static let lacking: Statement = """
    SELECT current_user::text AS role, lacking.name
    FROM (
      SELECT 'execute ' || p.oid::regprocedure::text AS name
      FROM pg_proc p
      WHERE p.pronamespace = to_regnamespace('codemint') AND NOT p.prosecdef
        AND p.prorettype <> 'trigger'::regtype
        AND NOT has_function_privilege(p.oid, 'EXECUTE')
      UNION ALL
      SELECT 'update ' || c.oid::regclass::text
      FROM pg_class c
      WHERE c.relnamespace = to_regnamespace('codemint') AND c.relkind = 'r'
        AND c.relname IN ('jobs', 'calls', 'codes', 'rewards', 'accounts', 'workers', 'strays')
        AND NOT has_any_column_privilege(c.oid, 'UPDATE')
    ) AS lacking (name)
    ORDER BY lacking.name
    LIMIT 1
    """
}
