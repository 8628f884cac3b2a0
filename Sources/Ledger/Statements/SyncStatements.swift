import Postgres

/// What following codes runs. Each is one transaction.
enum SyncStatements {
  static let takeFollow: Statement = """
    SELECT reward_id, look, failures, mark, list_order, scan_offset, scan_anchor, scan_newest,
           wait_us
    FROM codemint.take_follow($1, $2, $3)
    """

  static let followSlot: Statement = """
    SELECT outcome, delay_us FROM codemint.follow_slot($1, $2, $3)
    """

  /// The values of codes do not travel: they never change.
  static let record: Statement = """
    SELECT kept, changed, unknown, raises_watch
    FROM codemint.record_changes($1, $2, $3, $4, $5, $6, $7, $8, $9)
    """

  static let finish: Statement = """
    SELECT outcome, 'shopify' = ANY (systems) AS shopify, 'stripe' = ANY (systems) AS stripe
    FROM codemint.finish_look($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    """

  static let noteResync: Statement = """
    SELECT codemint.note_resync($1, $2, $3, $4)
    """
}
