public import Postgres
public import Provisioning

/// What an audit needs to know of the ledger: every code of a reward, and where it belongs.
public struct AuditDesk: Sendable {
  private let pool: Pool

  /// A desk at this database.
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
    public let isStray: Bool
    /// Whether no column can hold it, so that it is kept as bytes and counts for nobody.
    public let isRaw: Bool
  }

  /// Every code of the reward, with its place.
  public func codes(of reward: RewardID) async throws(PostgresError) -> [CodeID: Entry] {
    let rows = try await pool.query(
      AuditStatements.codes,
      [.uuid(reward.id.bits)],
      deadline: .seconds(600)
    )
    var codes: [CodeID: Entry] = [:]
    codes.reserveCapacity(rows.count)
    for row in rows {
      codes[CodeID(UniqueID(bits: try row.uuid("id")))] = Entry(
        job: try row.optionalInt64("job_id").map(JobID.init),
        isSurplus: try row.bool("surplus"),
        isStray: try row.bool("stray"),
        isRaw: try row.bool("raw")
      )
    }
    return codes
  }

  /// What the ledger has open for the reward: doubts make a difference that explains itself.
  public func openCalls(of reward: RewardID) async throws(PostgresError) -> Int {
    try await pool.query(AuditStatements.openCalls, [.uuid(reward.id.bits)]).one()
      .integer("number")
  }
}
