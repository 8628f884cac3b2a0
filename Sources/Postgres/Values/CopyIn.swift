/// A COPY of rows into a table, which inserts them in batches: much cheaper than a statement that
/// inserts as many.
public struct CopyIn: Sendable {
  /// The text, `COPY table (columns) FROM STDIN (FORMAT binary)`.
  let statement: Statement
  let patience: Duration
  let rows: @Sendable (Int64) -> CopyRows

  /// A COPY of the rows that `rows` makes, given the server's clock in microseconds since 1970: a
  /// COPY has no expressions that could ask for it.
  /// - Parameter patience: How long the server waits for the statement behind the rows before it takes
  ///   the transaction back. Rows that are inserted and not committed keep others from inserting the
  ///   same, which must end if this process is stopped.
  public init(
    _ statement: Statement,
    patience: Duration,
    rows: @escaping @Sendable (Int64) -> CopyRows
  ) {
    self.statement = statement
    self.patience = patience
    self.rows = rows
  }
}
