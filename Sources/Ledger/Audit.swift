public import Postgres
public import Provisioning

/// What an audit needs to know of the ledger: every code of a reward, and where it belongs.
public struct AuditQueries: Sendable {
  private let pool: Pool

  /// The order makes a code that is stored win over an unattributed code of the same id.
  ///
  /// Codes have no index by reward, because storing a code would then cost more: they are found by
  /// their jobs. Surplus codes without a job are found by an index of their own. The ids of purged
  /// codes are read only if a job of the reward was purged.
  static let codes: Statement = """
    SELECT id, NULL::bigint AS job_id, true AS surplus, true AS unattributed, false AS raw
    FROM codemint.unattributed_codes WHERE reward_id = $1
    UNION ALL
    SELECT id, NULL::bigint, true, false, true
    FROM codemint.raw_codes WHERE reward_id = $1
    UNION ALL
    SELECT c.id, c.job_id, c.surplus, false, false
    FROM codemint.jobs j JOIN codemint.codes c ON c.job_id = j.id
    WHERE j.reward_id = $1 AND j.has_codes
    UNION ALL
    SELECT id, job_id, surplus, false, false
    FROM codemint.codes WHERE reward_id = $1 AND surplus AND job_id IS NULL
    UNION ALL
    SELECT id, job_id, surplus, false, false
    FROM codemint.codes
    WHERE job_id IS NULL AND sync_status = 'none' AND purged_at IS NOT NULL AND reward_id = $1
      AND EXISTS (SELECT FROM codemint.purges p WHERE p.reward_id = $1)
    """

  /// Each kind by its own small index.
  static let openCalls: Statement = """
    SELECT ((SELECT count(*) FROM codemint.calls WHERE reward_id = $1 AND state = 'sending')
            + (SELECT count(*) FROM codemint.calls WHERE reward_id = $1 AND state = 'in_doubt')
           )::integer AS number
    """

  /// Queries to this database.
  public init(pool: Pool) {
    self.pool = pool
  }

  /// A code that the ledger knows.
  public struct Entry: Hashable, Sendable {
    /// The job that it counts for, or was made for; nil if that is not known.
    public let job: JobID?
    /// Whether no job has room for it.
    public let isSurplus: Bool
    /// Whether it is set aside for a person, its owner not being proven.
    public let isUnattributed: Bool
    /// Whether no column can hold it, so that it is kept as bytes and counts for nobody.
    public let isRaw: Bool
  }

  /// Every code of the reward, with its place.
  public func codes(of reward: RewardID) async throws(PostgresError) -> [CodeID: Entry] {
    let rows = try await pool.query(
      Self.codes,
      [.uuid(reward)],
      deadline: .seconds(600)
    )
    var codes: [CodeID: Entry] = [:]
    codes.reserveCapacity(rows.count)
    for row in rows {
      codes[try row.id("id")] = Entry(
        job: try row.optionalInt64("job_id").map(JobID.init),
        isSurplus: try row.bool("surplus"),
        isUnattributed: try row.bool("unattributed"),
        isRaw: try row.bool("raw")
      )
    }
    return codes
  }

  /// What the ledger has open for the reward: doubts make a difference that explains itself.
  public func openCalls(of reward: RewardID) async throws(PostgresError) -> Int {
    try await pool.query(Self.openCalls, [.uuid(reward)]).one()
      .integer("number")
  }
}
