import Postgres

/// One test's database, and the test's own eye on it.
struct Database: Sendable {
  /// Its name on the server.
  let name: String
  /// Its URL over the server's socket, without a password.
  let url: String
  /// Its URL over loopback, with a password.
  let passwordURL: String

  private let settings: ConnectionSettings
  private let pool: Pool

  init(name: String, url: String, passwordURL: String) throws {
    self.name = name
    self.url = url
    self.passwordURL = passwordURL
    settings = try ConnectionSettings(url)
    pool = Pool(settings, limit: 2)
  }

  /// Tells the test of every change in the ledger. It is put into a migrated database.
  static let tellTale = """
    CREATE FUNCTION public.tell_test() RETURNS trigger LANGUAGE plpgsql
      AS $$ BEGIN PERFORM pg_notify('test_changed', ''); RETURN NULL; END $$;
    CREATE TRIGGER tell_test AFTER INSERT OR UPDATE OR DELETE ON codemint.jobs
      FOR EACH STATEMENT EXECUTE FUNCTION public.tell_test();
    CREATE TRIGGER tell_test AFTER INSERT OR UPDATE OR DELETE ON codemint.calls
      FOR EACH STATEMENT EXECUTE FUNCTION public.tell_test();
    CREATE TRIGGER tell_test AFTER INSERT OR UPDATE OR DELETE ON codemint.account
      FOR EACH STATEMENT EXECUTE FUNCTION public.tell_test();
    CREATE TRIGGER tell_test AFTER INSERT OR UPDATE OR DELETE ON codemint.workers
      FOR EACH STATEMENT EXECUTE FUNCTION public.tell_test();
    """

  /// Runs SQL text.
  func run(_ sql: String) async throws {
    try await pool.withConnection { (connection) throws(PostgresError) in
      _ = try await connection.script(sql)
    }
  }

  /// The number that an expression comes to.
  func number(_ expression: String) async throws -> Int {
    let rows = try await pool.query(Statement("SELECT (\(expression))::bigint AS value"))
    return Int(try rows.one().int64("value"))
  }

  /// Whether a condition holds.
  func holds(_ condition: String) async throws -> Bool {
    try await pool.query(Statement("SELECT (\(condition)) AS value")).one().bool("value")
  }

  /// The texts that a query finds, one a row; null is "null".
  func texts(_ query: String) async throws -> [String] {
    let text = "SELECT coalesce(q.value::text, 'null') AS value FROM (\(query)) AS q (value)"
    return try await pool.query(Statement(text)).map { try $0.text("value") }
  }

  /// Waits until a condition on the ledger holds, over restarts of the server too.
  func until(_ condition: String) async throws {
    for await event in Listener(settings, channels: ["test_changed"]) {
      if case .lost = event { continue }
      do {
        if try await holds(condition) { return }
      } catch let error as PostgresError where error.isConnectionLost || error.isOutcomeUnknown {
        // The listener notices too, and the next `listening` looks again.
      }
    }
    throw CancellationError()
  }

  /// Keeps a table to itself while `body` runs, as a session does that forgot its transaction.
  func whileLocked(_ table: String, _ body: () async throws -> Void) async throws {
    let connection = try await Connection.open(settings)
    do {
      try await connection.script("BEGIN; LOCK TABLE \(table) IN ACCESS EXCLUSIVE MODE")
      try await body()
    } catch {
      await connection.close()
      throw error
    }
    await connection.close()
  }

  /// Waits until every job has ended.
  func allEnded() async throws {
    try await until("NOT EXISTS (SELECT FROM codemint.jobs WHERE finished_at IS NULL)")
  }

  /// Inserts jobs, as any producer may.
  func insert(_ jobs: Job...) async throws { try await insert(jobs) }

  /// Inserts jobs in one statement.
  func insert(_ jobs: [Job]) async throws {
    let rows = jobs.map(\.row).joined(separator: ", ")
    try await run("INSERT INTO codemint.jobs (reward_id, count, prefix) VALUES \(rows)")
  }

  /// Jobs that do not hold exactly what they asked for, or are not completed.
  func unsound() async throws -> [String] {
    try await texts(
      """
      SELECT j.id || ' ' || j.state || ' ' || j.issued || '/' || j.count || ' '
             || coalesce(j.error_message, '')
      FROM codemint.jobs j
      WHERE j.state <> 'completed' OR j.outstanding <> 0 OR j.issued <> j.count
         OR j.count <> (SELECT count(*) FROM codemint.codes c
                        WHERE c.job_id = j.id AND c.reward_id = j.reward_id AND NOT c.surplus
                          AND starts_with(c.code, coalesce(j.prefix, '')))
      """
    )
  }

  func close() async { await pool.close() }
}

/// One row of `codemint.jobs` as a producer writes it.
struct Job: Sendable {
  let reward: String
  let count: Int
  var prefix: String?

  init(_ reward: String, _ count: Int, prefix: String? = nil) {
    self.reward = reward
    self.count = count
    self.prefix = prefix
  }

  /// As SQL.
  var row: String {
    "('\(reward)', \(count), \(prefix.map { "'\($0)'" } ?? "NULL"))"
  }
}

/// Rewards that tests speak of.
enum Reward {
  static let first = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
  static let second = "7e0f4c1b-52d3-4f0e-9b6a-0c2a3d1e5f60"
  static let third = "b1a5d8f4-6c37-4e29-8d10-2f4b6a8c0e12"
  /// The stand-in does not know it.
  static let unknown = "00000000-0000-4000-8000-000000000404"

  /// No other test's reward: see `Stage.firstAnswer`.
  static let proven = "e2c1f5a8-7b36-4d09-9c4e-6f8a0b2d4c11"

  /// Any number of them.
  static func numbered(_ number: Int) -> String {
    let digits = String(number)
    let zeros = String(repeating: "0", count: 12 - digits.count)
    return "5d0c7a52-9e1b-4c38-a6f4-\(zeros)\(digits)"
  }
}
