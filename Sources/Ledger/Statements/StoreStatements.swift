import Postgres

/// What the worker's store runs. Each is one transaction, but for `copy`, which begins that of `settle`.
enum StoreStatements {
  /// The whole of a claim is decided in the database, on its clock and under its locks.
  static let claim: Statement = """
    SELECT outcome, job_id, reward_id, prefix, size, slot_us, answered_at, spacing_us, leeway_us,
           wait_us, due_us,
           job_failures, reward_failures, account_failures, starts_job
    FROM codemint.claim_call($1, $2, $3, $4, $5, $6)
    """

  /// Keyed by the call: repeated after a lost answer, it changes nothing.
  static let settle: Statement = """
    SELECT issued, surplus, call_state, job_before, job_after
    FROM codemint.settle_call(
      $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
      $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39,
      $40, $41, $42)
    """

  /// After a settlement and a claim that did not wait for the disk: now both are there.
  static let makeSure: Statement = "SELECT codemint.make_sure($1) AS is_sending"

  /// What `settle` may find in the table already. The columns are those of `rows(of:now:)`.
  static let copy: Statement = """
    COPY codemint.codes
      (id, job_id, call_id, reward_id, code, status, sync_status, external_ids, created_at,
       expires_at, updated_at, synced_at)
    FROM STDIN (FORMAT binary)
    """

  /// Only its own calls, and only while they are still `sending`: a worker that comes too late
  /// gets fewer ids back than it asked for, and knows which leases it has lost.
  static let renew: Statement = """
    UPDATE codemint.calls
    SET lease_expires_at = clock_timestamp() + $3::interval
    WHERE id = ANY ($1::uuid[]) AND worker = $2 AND state = 'sending'
    RETURNING id
    """

  static let tend: Statement = """
    SELECT call_id, job_id, reward_id, action, done_by, state_before, state_after, next_us,
           block_code, block_message, probe_now, reconciling_due, api_failing, max_in_flight
    FROM codemint.tend($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    """

  static let recordProbe: Statement = """
    SELECT codemint.record_probe($1, $2, $3, $4)
    """

  static let moveSlot: Statement = """
    SELECT slot_us FROM codemint.move_slot($1, $2)
    """

  static let heed: Statement = """
    SELECT codemint.heed_feedback($1, $2, $3, $4)
    """

  /// A worker that stopped no longer counts when the smallest limits are looked for.
  static let retire: Statement = """
    SELECT codemint.retire_worker($1)
    """
}
