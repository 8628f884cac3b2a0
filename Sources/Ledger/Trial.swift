public import Postgres
import Provisioning

/// Tries what codemint does to a ledger, in transactions that are rolled back: what privileges and
/// settings allow on paper, a read-only server, a trigger or a lock may still refuse. Nothing stays
/// but gaps in numbers.
public struct Trial: Sendable {
  /// What is tried, for `codemint doctor` to say.
  public enum Part: String, Sendable, CaseIterable {
    case insert = "inserting a job"
    case claim = "a claim"
    case settlement = "a settlement"
    case steering = "pausing a job"
  }

  /// What came of the trials as one role.
  public struct Outcome: Sendable {
    /// Who tried.
    public let role: String
    /// What worked.
    public fileprivate(set) var passed: [Part] = []
    /// What did not, and the database's error.
    public fileprivate(set) var failed: (part: Part, error: PostgresError)?
  }

  private let connection: Connection

  /// Tries on this connection.
  public init(_ connection: Connection) {
    self.connection = connection
  }

  /// Why the server takes no writes; nil if it takes them.
  public func refusalOfWrites() async throws(PostgresError) -> String? {
    let row = try await connection.query(Self.writes).one()
    if try row.bool("is_standby") { return "the server is a standby, which takes no writes" }
    return try row.bool("is_read_only")
      ? "sessions are read-only here (default_transaction_read_only)" : nil
  }

  /// Tries as the login itself what the daemon does, and as each other role that the login may become
  /// what that role does.
  public func outcomes() async throws(PostgresError) -> [Outcome] {
    let row = try await connection.query(Self.roles, [.text(Role.producer), .text(Role.operator)])
      .one()
    var outcomes = [await outcome(of: [.claim, .settlement], as: try row.text("login"), via: nil)]
    if try row.bool("may_produce") {
      outcomes.append(await outcome(of: [.insert], as: Role.producer.rawValue, via: .producer))
    }
    if try row.bool("may_operate") {
      outcomes.append(await outcome(of: [.steering], as: Role.operator.rawValue, via: .operator))
    }
    return outcomes
  }

  private func outcome(of parts: [Part], as name: String, via role: Role?) async -> Outcome {
    var outcome = Outcome(role: name)
    var part = parts[0]
    do throws(PostgresError) {
      try await connection.script("BEGIN; SET LOCAL lock_timeout = '2s'")
      if let role { try await connection.script("SET LOCAL ROLE \(role.rawValue)") }
      for next in parts {
        part = next
        try await attempt(next)
        outcome.passed.append(next)
      }
    } catch {
      outcome.failed = (part, error)
    }
    // If even this is refused, the connection is gone, and the transaction with it.
    _ = try? await connection.script("ROLLBACK")
    return outcome
  }

  private func attempt(_ part: Part) async throws(PostgresError) {
    switch part {
    case .insert: _ = try await connection.query(Self.insert)
    case .steering:
      do throws(PostgresError) {
        _ = try await connection.query(Self.steer)
      } catch {
        guard error.sqlState == Self.noSuchJob else { throw error }
      }
    case .claim: _ = try await connection.query(Self.claim, Self.worker)
    case .settlement: _ = try await connection.query(Self.settle, Self.worker)
    }
  }

  private static let writes: Statement = """
    SELECT pg_is_in_recovery() AS is_standby,
           current_setting('transaction_read_only')::boolean AS is_read_only
    """

  private static let roles: Statement = """
    SELECT current_user::text AS login, pg_has_role($1, 'MEMBER') AS may_produce,
           pg_has_role($2, 'MEMBER') AS may_operate
    """

  private static let insert: Statement = """
    INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 1) RETURNING id
    """

  /// An open job; if there is none, the function is asked for a job that does not exist.
  private static let steer: Statement = """
    SELECT codemint.pause_job(coalesce((
      SELECT j.id FROM codemint.jobs j WHERE j.state IN ('queued', 'running') ORDER BY j.id LIMIT 1), 0))
    """

  private static let noSuchJob = "P0002"

  /// With the functions that are installed, whichever these are: `schema` says if they are others.
  private static let claim: Statement = """
    SELECT outcome FROM codemint.claim_call(
      gen_random_uuid(), $4, ROW ($1, $2, $3)::codemint.call_lengths,
      (SELECT i.checksum FROM codemint.installed_code i), false)
    """

  /// A call that was not sent, of the call just claimed, or else of no job at all.
  private static let settle: Statement = """
    SELECT call_state FROM codemint.settle_call(
      (SELECT ROW (coalesce(c.id, gen_random_uuid()), coalesce(c.job_id, 0),
                   coalesce(c.reward_id, gen_random_uuid()), c.prefix, coalesce(c.size, 1),
                   $4, $1, $2, $3)::codemint.sent_call
       FROM (SELECT) AS one
       LEFT JOIN codemint.calls c ON c.state = 'sending' AND c.worker = $4
       LIMIT 1),
      ROW ('unsent', NULL, 'trial', NULL, NULL, 0, NULL)::codemint.call_ending,
      ROW (false, 'none', 'none', NULL, NULL, NULL, NULL, 0)::codemint.call_effects,
      ROW (false, NULL, NULL, NULL)::codemint.answer_facts, '{}', NULL, false)
    """

  /// The lengths of a call, and a worker that does not exist.
  private static let worker: [Parameter] = [
    .interval(.seconds(60)), .interval(.seconds(60)), .interval(.seconds(10)),
    .uuid(0xd0c7_0000_0000_4000_8000_0000_0000_0001),
  ]
}

extension Parameter {
  fileprivate static func text(_ role: Role) -> Parameter { .text(role.rawValue) }
}
