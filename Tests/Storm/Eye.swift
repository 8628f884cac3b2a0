import Postgres

/// The storm's own eye and hand on the database. What it asks for may be asked again: it is patient
/// with a server that is away.
struct Eye: Sendable {
  private let pool: Pool

  init(_ url: String) throws {
    var settings = try ConnectionSettings(url)
    settings.applicationName = "storm"
    settings.statementDeadline = .seconds(60)
    pool = Pool(settings, limit: 4)
  }

  /// Notes every change of a call's state, with the time.
  static let memory = """
    CREATE TABLE public.history (
      call_id uuid NOT NULL, reward_id uuid NOT NULL, state text NOT NULL,
      at timestamptz NOT NULL DEFAULT clock_timestamp());
    CREATE FUNCTION public.remember() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO public.history (call_id, reward_id, state)
      VALUES (NEW.id, NEW.reward_id, NEW.state);
      RETURN NULL;
    END $$;
    CREATE TRIGGER remember_new AFTER INSERT ON codemint.calls
      FOR EACH ROW EXECUTE FUNCTION public.remember();
    CREATE TRIGGER remember_changed AFTER UPDATE ON codemint.calls
      FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION public.remember();
    """

  /// Runs SQL text that may be run twice.
  func run(_ sql: String) async throws {
    try await patiently { connection throws(PostgresError) in
      _ = try await connection.script(sql)
    }
  }

  /// The number that an expression comes to.
  func number(_ expression: String) async throws -> Int {
    let rows = try await rows("SELECT (\(expression))::bigint AS value")
    return Int(try rows.one().int64("value"))
  }

  /// What a query finds.
  func rows(_ query: String) async throws -> Rows {
    try await patiently { connection throws(PostgresError) in
      try await connection.query(Statement(query))
    }
  }

  /// The rows of a query as texts, for people.
  func lines(_ query: String) async throws -> [String] {
    try await rows("SELECT to_jsonb(q)::text AS line FROM (\(query)) q").map { try $0.text("line") }
  }

  func close() async { await pool.close() }

  private func patiently<Value: Sendable>(
    _ body: @Sendable (Connection) async throws(PostgresError) -> Value
  ) async throws -> Value {
    let end = ContinuousClock.now + .seconds(180)
    while true {
      do throws(PostgresError) {
        return try await pool.withConnection(deadline: .seconds(5), body)
      } catch {
        // A full disk and a server that shuts down pass, too.
        let passes =
          error.isConnectionLost || error.isOutcomeUnknown || error.isRetryable
          || error.sqlState?.hasPrefix("53") == true || error.sqlState?.hasPrefix("57") == true
        guard passes, ContinuousClock.now < end else { throw error }
        try await Time.pass(.milliseconds(200))
      }
    }
  }
}
