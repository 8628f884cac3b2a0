extension LocalPostgres {
  /// What psql prints for a query, as a person sees it: heads, columns, number of rows.
  public nonisolated func table(
    _ query: String,
    database: String = "postgres"
  ) throws(LocalPostgresError) -> String {
    try Command.output([
      "\(binaries)/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-P", "pager=off",
      "-d", url(database: database), "-c", query,
    ])
  }
}
