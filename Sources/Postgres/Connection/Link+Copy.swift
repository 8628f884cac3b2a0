internal import CLibPQ

extension Link {
  /// Opens a transaction and sends rows into a table in it. The transaction stays open, broken if the
  /// rows were refused.
  func run(_ copy: CopyIn) -> Reply {
    guard sendScript(copy.script) else { return .failure(sendError()) }
    var clock: Int64 = 0
    var failure: PostgresError?
    // What BEGIN says, the server's clock, and that the server waits for rows, or why it does not.
    while let result = nextResult() {
      if result.handle.status == PGRES_COPY_IN { return send(copy.rows(clock)) }
      switch judge(result) {
      case .rows: clock = result.number ?? clock
      case .sync: break
      case .failed(let error): failure = failure ?? error
      case .hopeless(let error): return .failure(error)
      }
    }
    return .failure(failure ?? lostError())
  }

  /// All rows are one message, whose last bytes libpq keeps back until the COPY is ended (unless they
  /// happen to fill a block of 8 KiB): the server looks at a message when it is complete, so a process
  /// that is stopped here has inserted nothing.
  private func send(_ rows: CopyRows) -> Reply {
    guard put(rows.ended), putEnd() else {
      // The connection broke: how COPY ended will not be heard of.
      derail()
      return .failure(lostError())
    }
    return collect()
  }
}

extension CopyIn {
  fileprivate var script: String {
    let milliseconds = max(1, patience.wholeMilliseconds)
    return """
      BEGIN;
      SET LOCAL idle_in_transaction_session_timeout = \(milliseconds);
      SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
      \(statement.sql)
      """
  }
}

extension ResultStorage {
  /// The one value of an answer in text, if it has one and that is a number.
  fileprivate var number: Int64? {
    guard handle.rowCount == 1, handle.columnCount == 1 else { return nil }
    return unsafe handle.withBytes(row: 0, column: 0) { bytes in
      guard let bytes = unsafe bytes else { return nil }
      return unsafe Int64(String(decoding: bytes, as: UTF8.self))
    }
  }
}
