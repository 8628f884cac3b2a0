import Postgres

/// What other sessions do to the fleet's database.
extension Stage {
  /// Lets every claim fail for a reason that codemint has no name for and that may concern all jobs.
  func refuseClaims() async throws {
    try await database.run(
      """
      CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'not today' USING ERRCODE = 'F0000'; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON codemint.calls
        FOR EACH ROW EXECUTE FUNCTION public.refuse();
      """
    )
  }

  /// Lets a trigger of somebody's own refuse rows. Its words quote the code, if the row has one.
  /// - Parameter occasion: What comes before FOR EACH ROW, such as `BEFORE INSERT ON codemint.codes`.
  func refuse(_ occasion: String, when condition: String = "true") async throws {
    try await database.run(
      """
      CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'not this one: %', to_jsonb(NEW) ->> 'code';
      END $$;
      CREATE TRIGGER refuse \(occasion) FOR EACH ROW WHEN (\(condition))
        EXECUTE FUNCTION public.refuse();
      """
    )
  }

  /// Lets a heartbeat see that nothing is claimed, and then the time pass after which that is a stall.
  func passStall() async throws {
    let database = database
    // A job that has been due for long; what heartbeats have seen lies two minutes back.
    try await Patience.until {
      try await database.run(
        """
        UPDATE codemint.jobs SET next_call_at = now() - interval '3 min',
          updated_at = now() - interval '3 min' WHERE is_new;
        UPDATE codemint.healing SET claimable_since = now() - interval '2 min'
          WHERE claimable_since IS NOT NULL;
        NOTIFY codemint_control
        """
      )
      return try await database.holds("codemint.stalled_since() IS NOT NULL")
    }
  }

  /// How it all is, in one line.
  func verdict() async throws -> String {
    try await database.texts("SELECT words FROM codemint.verdict")[0]
  }

  /// Lets a session listen and read nothing while `body` runs, because its transaction stays open.
  func whileListening<Value>(_ body: () async throws -> Value) async throws -> Value {
    let other = try await Connection.open(ConnectionSettings(database.url))
    try await other.script("LISTEN shop")
    try await other.script("BEGIN; SELECT 1")
    let value = await Result { try await body() }
    await other.close()
    return try value.get()
  }

  /// Keeps rows locked while `body` runs, as a session does that forgot its transaction.
  func whileHolding(_ sql: String, _ body: () async throws -> Void) async throws {
    let other = try await Connection.open(ConnectionSettings(database.url))
    do {
      try await other.script("BEGIN; \(sql)")
      try await body()
    } catch {
      await other.close()
      throw error
    }
    await other.close()
  }
}
