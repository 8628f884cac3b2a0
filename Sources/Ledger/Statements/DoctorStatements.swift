import Postgres

/// What `DoctorDesk` runs.
enum DoctorStatements {
  static let clock: Statement = """
    SELECT extract(epoch FROM clock_timestamp())::double precision AS now
    """

  static let connections: Statement = """
    SELECT current_setting('max_connections')::integer AS most,
           (current_setting('max_connections')::integer
            - current_setting('superuser_reserved_connections')::integer
            - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'))::integer
             AS free
    """

  static let notify: Statement = """
    SELECT pg_notify($1, $2)
    """
}
