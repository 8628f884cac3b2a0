import Postgres
public import Provisioning

/// The next call is committed as `sending` before a byte of its request leaves; its lease is renewed
/// while it is out.
extension PostgresStore {
  /// The whole of a claim is decided in the database, on its clock and under its locks.
  private static let claim: Statement = """
    SELECT outcome, job_id, reward_id, prefix, size, slot_us, answered_at, spacing_us, leeway_us,
           wait_us, due_us, starts_job
    FROM codemint.claim_call($1, $2, $3, $4, $5)
    """

  /// Only its own calls, and only while they are still `sending`: a worker that comes too late gets
  /// fewer ids back than it asked for, and knows which leases it has lost.
  private static let renew: Statement = """
    UPDATE codemint.calls
    SET lease_expires_at = clock_timestamp() + $3::interval
    WHERE id = ANY ($1::uuid[]) AND worker = $2 AND state = 'sending'
    RETURNING id
    """

  /// See `Store.claim`.
  public func claim(_ request: ClaimRequest) async throws(StoreError) -> Claim {
    let query = claiming(request, waits: true)
    let rows = try await translated { () throws(PostgresError) in
      try await run(query.statement, query.parameters)
    }
    return try Self.claim(.success(rows), for: request).get()
  }

  /// A claim. If it does not wait for the disk, `awaitDurable` has to follow.
  func claiming(_ request: ClaimRequest, waits: Bool) -> Query {
    Query(
      Self.claim,
      [
        .uuid(request.call), .uuid(request.worker), .interval(request.lease), code, .bool(waits),
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
