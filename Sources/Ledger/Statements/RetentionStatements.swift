import Postgres

/// What forgetting old requests runs.
enum RetentionStatements {
  /// One batch, in one transaction.
  static let pruneCalls: Statement = """
    SELECT pruned, is_last FROM codemint.prune_calls($1, $2)
    """
}
