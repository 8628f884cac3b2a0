public import Postgres
public import Provisioning

/// What commands and the watch over the API's documents record about the API, and the codes that a probe
/// compares with a list. The login needs the role `codemint_worker`.
public struct APIFactQueries: Sendable {
  private let pool: Pool

  private static let record: Statement = "SELECT codemint.record_fact($1, '', $2, $3)"

  private static let recordGreatest: Statement = "SELECT codemint.record_greatest($1, $2, $3)"

  private static let recordDifference: Statement = "SELECT codemint.record_difference($1, $2)"

  private static let recordStandIn: Statement =
    "INSERT INTO codemint.stand_ins (api) VALUES ($1) ON CONFLICT DO NOTHING"

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

  private static let wait: Statement = """
    SELECT w.job_id, w.reason, w.why, w.what_to_do, d.id::text AS call_id, d.held_at IS NOT NULL AS is_held, x.seen
    FROM codemint.waits w
    LEFT JOIN LATERAL (
      SELECT c.id, c.held_at FROM codemint.calls c
      WHERE c.job_id = w.job_id AND c.state = 'in_doubt' ORDER BY c.held_at NULLS LAST, c.id LIMIT 1) d ON true
    LEFT JOIN LATERAL codemint.explain_doubt(d.id) x ON d.id IS NOT NULL
    WHERE w.job_id = $1
    """

  private static let doubtfulJob: Statement = """
    SELECT c.job_id
    FROM codemint.calls c JOIN codemint.jobs j ON j.id = c.job_id
    WHERE c.state = 'in_doubt' AND j.metadata ->> 'inserted_by' = $1
    ORDER BY c.held_at NULLS LAST, c.id LIMIT 1
    """

  /// A daemon records a difference that it goes on seeing every ten minutes.
  private static let answers: Statement = """
    SELECT ARRAY(SELECT DISTINCT c.http_status::text FROM codemint.calls c
                 WHERE c.job_id = ANY ($1::bigint[]) AND c.http_status IS NOT NULL ORDER BY 1) AS statuses,
           ARRAY(SELECT DISTINCT f.value FROM codemint.observed_facts f
                 WHERE f.fact = 'documents' AND f.subject ~ '^(generate|list) '
                   AND f.last_seen_at > clock_timestamp() - interval '10 minutes' ORDER BY 1) AS differences
    """

  /// Queries to this database.
  public init(pool: Pool) {
    self.pool = pool
  }

  /// What a job waits for; nil if it waits for nothing.
  public func wait(of job: Int64) async throws(PostgresError) -> JobWait? {
    guard let row = try await pool.read(Self.wait, [.int8(job)]).first else { return nil }
    return try JobWait(row)
  }

  /// A job with a call in doubt that this program inserted, by what `metadata` says.
  public func doubtfulJob(insertedBy name: String) async throws(PostgresError) -> Int64? {
    try await pool.read(Self.doubtfulJob, [.text(name)]).first?.int64("job_id")
  }

  /// The statuses of the answers to the calls of these jobs, and how answers to calls and lists have lately
  /// differed from the API's documents.
  public func answers(to jobs: [Int64]) async throws(PostgresError) -> (
    statuses: [String], differences: [String]
  ) {
    let row = try await pool.read(Self.answers, [.int8s(jobs)]).one()
    return (try row.texts("statuses"), try row.texts("differences"))
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

  /// Records that answers of the API with this base URL say that it is a stand-in.
  public func record(standIn api: String) async throws(PostgresError) {
    _ = try await pool.query(Self.recordStandIn, [.text(api)])
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
}

extension AnsweredCode {
  init(_ row: Row) throws(PostgresError) {
    self.init(
      id: CodeID(UniqueID(bits: try row.uuid("id"))),
      code: try row.text("code"),
      prefix: try row.optionalText("prefix"),
      size: try row.integer("size"),
      duration: try row.optionalInteger("duration_ms"),
      createdAt: try row.optionalInt64("created_us").map(Timestamp.init(microseconds:)),
      sentAt: try row.optionalInt64("sent_us").map(Timestamp.init(microseconds:)),
      settledAt: try row.optionalInt64("settled_us").map(Timestamp.init(microseconds:)),
      age: .microseconds(try row.optionalInt64("age_us") ?? 0),
      syncStatus: try row.text("sync_status"),
      systems: try row.texts("systems")
    )
  }
}

/// What a job waits for, with the call of it that is in doubt, if one is.
public struct JobWait: Hashable, Sendable {
  /// As in `codemint.waits`.
  public let reason: String
  /// Whether a person has to decide before the job goes on.
  public var needsDecision: Bool { isHeld || Self.decisions.contains(reason) }
  /// What it waits for and what helps, in words.
  public let words: String

  private let isHeld: Bool

  private static let decisions: Set<String> = [
    "decision", "held", "blocked", "suspended", "paused", "approval", "day",
  ]

  init(_ row: Row) throws(PostgresError) {
    let job = try row.int64("job_id")
    let seen = try row.optionalText("seen") ?? ""
    let helps = "codemint why \(job) says more"
    reason = try row.text("reason")
    isHeld = try row.bool("is_held")
    if let call = try row.optionalText("call_id") {
      words =
        isHeld
        ? "call \(call) of job \(job) is held until a person decides, because codemint cannot tell whether it "
          + "made its codes: \(seen); \(helps)"
        : "call \(call) of job \(job) is in doubt: \(seen); codemint finds out what it did"
    } else {
      let why = [try row.optionalText("why"), try row.optionalText("what_to_do")].compactMap(\.self)
      words = "job \(job) waits: \(why.joined(separator: "; ")); \(helps)"
    }
  }
}
