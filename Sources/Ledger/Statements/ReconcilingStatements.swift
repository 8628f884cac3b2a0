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

  /// Looks again under the reward's lock whether what was judged is still so.
  static let decide: Statement = """
    SELECT outcome
    FROM codemint.decide_doubt(
      $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
      $21, $22, $23, $24)
    """

  static let concludeWatch: Statement = """
    SELECT outcome, issued, surplus
    FROM codemint.conclude_watch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0)
    """

  /// The same as `decide` where the database refuses some of the codes: those come as bytes.
  static let decideBesideRaw: Statement = """
    SELECT d.outcome,
           CASE WHEN d.outcome = 'done'
                THEN codemint.store_raw_codes($1, $25, $26, $27, $28, $29, $30) END
    FROM codemint.decide_doubt(
      $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
      $21, $22, $23, $24) AS d (outcome)
    """

  /// The same as `concludeWatch` where the database refuses some of the codes.
  static let concludeBesideRaw: Statement = """
    SELECT w.outcome, w.issued, w.surplus,
           CASE WHEN w.outcome = 'done'
                THEN codemint.store_raw_codes($1, $12, $13, $14, $15, $16, $17) END
    FROM codemint.conclude_watch(
      $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, cardinality($13::uuid[])) AS w
    """

  /// Takes codes in and gives nothing back: it fails if the database refuses the content of one.
  static let take: Statement = """
    SELECT cardinality($1::uuid[]) + cardinality($2::text[]) + cardinality($3::text[])
           + cardinality($4::text[]) + cardinality($5::jsonb[]) + cardinality($6::timestamptz[])
           + cardinality($7::timestamptz[]) + cardinality($8::timestamptz[]) AS number
    """
}
