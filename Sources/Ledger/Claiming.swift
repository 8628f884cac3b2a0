import Postgres
public import Provisioning
import Synchronization

/// The next call is committed as `sending` before a byte of its request leaves; its lease is renewed
/// while it is out.
extension PostgresStore {
  /// The whole of a claim is decided in the database, on its clock and under its locks.
  private static let claim: Statement = """
    SELECT outcome, job_id, reward_id, prefix, size, slot_us, answered_at, spacing_us, leeway_us,
           wait_us, due_us, starts_job
    FROM codemint.claim_call($1, $2, $3, $4, $5, $6)
    """

  /// Only its own calls, and only while they are still `sending`: a worker that comes too late gets
  /// fewer ids back than it asked for, and knows which leases it has lost. With the lease moves the
  /// last moment at which the call can take effect. A call whose row somebody has locked is not
  /// renewed: its lease must not keep the leases of others.
  private static let renew: Statement = """
    UPDATE codemint.calls
    SET lease = $3, lease_expires_at = clock_timestamp() + $3,
        effective_until = clock_timestamp() + $3 + api_timeout + listing_gap
    WHERE id = ANY (ARRAY(
      SELECT id FROM codemint.calls
      WHERE id = ANY ($1::uuid[]) AND worker = $2 AND state = 'sending'
      FOR NO KEY UPDATE SKIP LOCKED))
    RETURNING id
    """

  /// See `Store.claim`.
  public func claim(_ request: ClaimRequest) async throws(StoreError) -> Claim {
    let query = claiming(request, waits: true)
    do throws(StoreError) {
      let rows = try await translated { () throws(PostgresError) in
        try await run(query.statement, query.parameters)
      }
      let claim = try Self.claim(.success(rows), for: request).get()
      claims.note(nil)
      return claim
    } catch {
      claims.note(error.description)
      throw error
    }
  }

  /// A claim. If it does not wait for the disk, `awaitDurable` has to follow.
  func claiming(_ request: ClaimRequest, waits: Bool) -> Query {
    Query(
      Self.claim,
      [
        .uuid(request.call), .uuid(request.worker), .composite(request.lengths.fields), code,
        .bool(waits), .text(api),
      ]
    )
  }

  /// Reads the answer to a claim.
  static func claim(_ answer: Result<Rows, PostgresError>, for request: ClaimRequest)
    -> Result<Claim, StoreError>
  {
    committed(answer) { (rows) throws(PostgresError) in try Claim(try rows.one(), for: request) }
  }

  /// See `Store.renew`.
  public func renew(_ calls: [CallID], worker: WorkerID, lease: Duration)
    async throws(StoreError) -> Set<CallID>
  {
    try await translated { () throws(PostgresError) in
      var renewed: Set<CallID> = []
      let parameters: [Parameter] = [.uuids(calls), .uuid(worker), .interval(lease)]
      for row in try await run(Self.renew, parameters, on: vitalPool) {
        renewed.insert(try row.id("id"))
      }
      return renewed
    }
  }
}

/// How the last claim ended, for the heartbeat to tell: if nobody can say why a job waits, an operator
/// sees this.
final class ClaimRecord: Sendable {
  /// Why claims fail; nil if they do not.
  struct News: Hashable, Sendable {
    let error: String?
  }

  private let state = Mutex((last: News(error: nil), told: News(error: nil)))

  func note(_ error: String?) {
    state.withLock { $0.last = News(error: error) }
  }

  /// Whether something has not been told yet.
  var hasNews: Bool { state.withLock { $0.last != $0.told } }

  /// What has not been told yet; nil if that is what was told before.
  func takeNews() -> News? {
    state.withLock { state in
      guard state.last != state.told else { return nil }
      state.told = state.last
      return state.last
    }
  }
}

extension CallLengths {
  /// The fields of a `codemint.call_lengths`.
  var fields: [Parameter] { [.interval(lease), .interval(apiTimeout), .interval(listingGap)] }
}

extension Claim {
  fileprivate init(_ row: Row, for request: ClaimRequest) throws(PostgresError) {
    switch try row.text("outcome") {
    case "nothing":
      self = .nothing(
        wait: try row.optionalWait("wait_us"),
        due: try row.optionalWait("due_us")
      )
    case "call":
      let call = Call(
        id: request.call,
        job: JobID(try row.int64("job_id")),
        reward: try row.id("reward_id"),
        prefix: try row.optionalText("prefix"),
        size: try row.integer("size")
      )
      self = .call(
        ClaimedCall(
          call: call,
          slotDelay: .microseconds(try row.int64("slot_us")),
          answered: try row.timestamp("answered_at"),
          spacing: .microseconds(try row.int64("spacing_us")),
          leeway: .microseconds(try row.int64("leeway_us")),
          startsJob: try row.bool("starts_job")
        )
      )
    case let outcome: throw .unknown("the outcome of a claim", outcome)
    }
  }
}
