import Postgres

/// What finding out about doubtful calls runs. Each is one transaction.
enum ReconcilingStatements {
  static let takeDoubt: Statement = """
    SELECT reward_id, call_id, job_id, prefix, size, earliest, latest, known_first, known_last,
           prefix_literal, offset_low_us, offset_high_us, now, failing_since
    FROM codemint.take_doubt($1, $2, $3)
    """

  static let takeWatch: Statement = """
    SELECT reward_id, since, known_first, known_last, offset_low_us, offset_high_us, due_at, now,
           awaited, failures, failing_since
    FROM codemint.take_watch($1, $2)
    """

  static let keep: Statement = """
    SELECT codemint.keep_reward($1, $2, $3) AS kept
    """

  static let leave: Statement = """
    SELECT codemint.leave_reward($1, $2, $3, $4)
    """

  static let putOff: Statement = """
    SELECT codemint.put_off_watch($1, $2, $3, $4)
    """

  static let reserveSlot: Statement = """
    SELECT slot_us FROM codemint.reserve_slot()
    """

  /// Codes that are stored, as rows or as bytes, and codes that are set aside for another call of
  /// their reward and a person: none can be news of a doubtful call. A code that another reward's
  /// answer showed can, and one of a held call that is judged again.
  static let known: Statement = """
    SELECT id FROM codemint.codes WHERE id = ANY ($1::uuid[])
    UNION ALL
    SELECT id FROM codemint.raw_codes WHERE id = ANY ($1::uuid[])
    UNION ALL
    SELECT s.id FROM codemint.strays s
    WHERE s.id = ANY ($1::uuid[])
      AND NOT EXISTS (SELECT FROM codemint.calls c
                      WHERE c.id = s.call_id
                        AND (c.reward_id <> s.reward_id
                             OR c.held_at IS NOT NULL AND NOT codemint.has_seen_all(c.hold_reason)))
    """

  /// Looks again under the reward's lock whether what was judged is still so. A row for each job that
  /// ended, or one without a job.
  static let decide: Statement = """
    SELECT d.outcome, e.job_id, e.job_state
    FROM codemint.decide_doubt(
      $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
      $21, $22, $23, $24) AS d (outcome)
    LEFT JOIN LATERAL codemint.ended_jobs(
      d.outcome, ARRAY(SELECT c.job_id FROM codemint.calls c WHERE c.id = ANY ($3))) AS e ON true
    """

  /// A row for each job that ended, or one without a job.
  static let concludeWatch: Statement = """
    SELECT w.outcome, w.issued, w.surplus, e.job_id, e.job_state
    FROM codemint.conclude_watch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0) AS w
    LEFT JOIN LATERAL codemint.ended_jobs(w.outcome, w.credited) AS e ON true
    """

  /// The same as `decide` where the database refuses some of the codes: those come as bytes.
  static let decideBesideRaw: Statement = """
    SELECT r.outcome, e.job_id, e.job_state
    FROM codemint.decide_doubt(
      $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
      $21, $22, $23, $24) AS d (outcome)
    CROSS JOIN LATERAL codemint.store_raw_codes(
      d.outcome, $1, $25, $26, $27, $28, $29, $30) AS r (outcome)
    LEFT JOIN LATERAL codemint.ended_jobs(
      r.outcome, ARRAY(SELECT c.job_id FROM codemint.calls c WHERE c.id = ANY ($3))) AS e ON true
    """

  /// The same as `concludeWatch` where the database refuses some of the codes.
  static let concludeBesideRaw: Statement = """
    SELECT r.outcome, w.issued, w.surplus, e.job_id, e.job_state
    FROM codemint.conclude_watch(
      $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, cardinality($13::uuid[])) AS w
    CROSS JOIN LATERAL codemint.store_raw_codes(
      w.outcome, $1, $12, $13, $14, $15, $16, $17) AS r (outcome)
    LEFT JOIN LATERAL codemint.ended_jobs(r.outcome, w.credited) AS e ON true
    """

  /// Takes codes in and gives nothing back: it fails if the database refuses the content of one.
  static let take: Statement = """
    SELECT cardinality($1::uuid[]) + cardinality($2::text[]) + cardinality($3::text[])
           + cardinality($4::text[]) + cardinality($5::jsonb[]) + cardinality($6::timestamptz[])
           + cardinality($7::timestamptz[]) + cardinality($8::timestamptz[]) AS number
    """
}
