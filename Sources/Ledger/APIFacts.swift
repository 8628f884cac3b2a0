public import Postgres
public import Provisioning

/// What commands and the watch over the API's documents record about the API, and the codes that a probe
/// compares with a list. The login needs the role `codemint_worker`.
public struct APIFactQueries: Sendable {
  private let pool: Pool

  private static let record: Statement = "SELECT codemint.record_fact($1, '', $2, $3)"

  private static let recordGreatest: Statement = "SELECT codemint.record_greatest($1, $2, $3)"

  private static let recordDifference: Statement = "SELECT codemint.record_difference($1, $2)"

  private static let codes: Statement = """
    SELECT c.id, c.code, c.sync_status, l.prefix, l.size, l.duration_ms,
           (extract(epoch FROM c.created_at) * 1000000)::bigint AS created_us,
           (extract(epoch FROM l.send_at) * 1000000)::bigint AS sent_us,
           (extract(epoch FROM l.settled_at) * 1000000)::bigint AS settled_us,
           (extract(epoch FROM clock_timestamp() - l.settled_at) * 1000000)::bigint AS age_us,
           ARRAY(SELECT k FROM jsonb_object_keys(c.external_ids) k ORDER BY k) AS systems
    FROM codemint.codes c JOIN codemint.calls l ON l.id = c.call_id
    WHERE c.job_id = ANY ($1::bigint[]) AND c.from_answer
    ORDER BY l.settled_at, c.id
    """

  /// Queries to this database.
  public init(pool: Pool) {
    self.pool = pool
  }

  /// Records that so many codes have shown this value of a fact.
  public func record(_ fact: String, _ value: String, witnesses: Int) async throws(PostgresError) {
    _ = try await pool.query(Self.record, [.text(fact), .text(value), .int8(Int64(witnesses))])
  }

  /// Records a number of which only the greatest matters.
  public func record(greatest fact: String, _ number: Int, witnesses: Int)
    async throws(PostgresError)
  {
    _ = try await pool.query(
      Self.recordGreatest,
      [.text(fact), .int8(Int64(number)), .int8(Int64(witnesses))]
    )
  }

  /// Records that an answer differed from the API's documents.
  ///
  /// - Parameters:
  ///   - place: What differed, such as `list data[].status`.
  ///   - words: In words, for people.
  public func record(differenceAt place: String, _ words: String) async throws(PostgresError) {
    _ = try await pool.query(Self.recordDifference, [.text(place), .text(words)])
  }

  /// The codes of these jobs that came in answers.
  public func codes(of jobs: [Int64]) async throws(PostgresError) -> [AnsweredCode] {
    var found: [AnsweredCode] = []
    for row in try await pool.query(Self.codes, [.int8s(jobs)]) {
      found.append(try AnsweredCode(row))
    }
    return found
  }
}

/// A code as its answer showed it, with the call that made it. It never describes itself with its text.
public struct AnsweredCode: Sendable, CustomStringConvertible, CustomReflectable {
  /// The API's id.
  public let id: CodeID
  /// The code itself.
  public let code: String
  /// The prefix that was asked for.
  public let prefix: String?
  /// How many codes the call asked for.
  public let size: Int
  /// How long the call took, in milliseconds.
  public let duration: Int?
  /// `createdAt`.
  public let createdAt: Timestamp?
  /// When the call was sent, by the database's clock.
  public let sentAt: Timestamp?
  /// When its answer was recorded, by the database's clock.
  public let settledAt: Timestamp?
  /// How long ago that is.
  public let age: Duration
  /// How far it has been copied to other systems.
  public let syncStatus: String
  /// The systems in `externalIds`.
  public let systems: [String]

  /// The id; never the code.
  public var description: String { "code \(id)" }

  /// No children, so that no dump shows the code.
  public var customMirror: Mirror { Mirror(self, children: []) }

  init(_ row: Row) throws(PostgresError) {
    id = CodeID(UniqueID(bits: try row.uuid("id")))
    code = try row.text("code")
    prefix = try row.optionalText("prefix")
    size = try row.integer("size")
    duration = try row.optionalInteger("duration_ms")
    createdAt = try row.optionalInt64("created_us").map(Timestamp.init(microseconds:))
    sentAt = try row.optionalInt64("sent_us").map(Timestamp.init(microseconds:))
    settledAt = try row.optionalInt64("settled_us").map(Timestamp.init(microseconds:))
    age = .microseconds(try row.optionalInt64("age_us") ?? 0)
    syncStatus = try row.text("sync_status")
    systems = try row.texts("systems")
  }
}
