import Postgres
import Provisioning

extension SettleReceipt {
  /// Reads the answer to `StoreStatements.settle`.
  init(_ row: Row) throws(PostgresError) {
    self.init(
      issued: try row.integer("issued"),
      surplus: try row.integer("surplus"),
      call: try row.optionalState("call_state"),
      jobBefore: try row.optionalState("job_before"),
      job: try row.optionalState("job_after")
    )
  }
}

extension Row {
  /// A state by its name in the database; nil for null.
  func optionalState<State: RawRepresentable<String>>(_ column: Column)
    throws(PostgresError) -> State?
  {
    try isNull(column) ? nil : try state(column)
  }

  /// A state by its name in the database.
  func state<State: RawRepresentable<String>>(_ column: Column) throws(PostgresError) -> State {
    let text = try text(column)
    guard let state = State(rawValue: text) else {
      throw PostgresError(.unexpectedResult, "\"\(text)\" is not a state that is known here")
    }
    return state
  }
}
