extension Connection {
  /// Sends rows into a table and runs a statement behind them, both as one transaction; then runs a
  /// second statement as a transaction of its own.
  ///
  /// The second is run whatever becomes of the first transaction, and each has an answer of its own:
  /// the first one's is its statement's, once it is committed. If the rows or the statement are
  /// refused, nothing of that transaction stays.
  /// - Throws: Only if nothing was sent.
  public func query(
    _ copy: CopyIn,
    with first: Query,
    then second: Query?,
    deadline: Duration? = nil
  ) async throws(PostgresError) -> (
    first: Result<Rows, PostgresError>, second: Result<Rows, PostgresError>?
  ) {
    guard link.isOpen, link.isIdle else {
      throw PostgresError(.unsupported, "a transaction cannot run within another one")
    }
    let (replies, cause) = try await supervise(deadline) { exchange(copy, first, second) }
    return (replies.first.explained(by: cause), replies.second?.explained(by: cause))
  }

  private typealias Replies = (first: Link.Reply, second: Link.Reply?)

  private func exchange(_ copy: CopyIn, _ first: Query, _ second: Query?) -> Replies {
    if case .failure(let error) = link.run(copy) {
      if link.isGood { _ = link.run(script: "ROLLBACK") }
      return (.failure(error), second.map { run($0) })
    }
    guard link.enterPipeline() else {
      abandon()
      return (.failure(link.sendError()), second.map { _ in .failure(link.sendError()) })
    }
    let sent = (send(first), sendCommit(), second.map { send($0) })
    let reply = receive(sent.0)
    let committed = receive(sent.1)
    let other = sent.2.map { receive($0) }
    if !link.exitPipeline() { abandon() }
    for case .failure(let error)? in [reply, other] where error.isPreparedStatementGone {
      forgetPrepared()
    }
    let first = Result { () throws(PostgresError) in
      let rows = try reply.get()
      try Self.confirm(committed.get())
      return rows
    }
    return (first, other)
  }

  /// Never prepared: prepared statements can be gone, and then the transaction would stay open.
  private func sendCommit() -> Sent {
    guard link.sendUnprepared("COMMIT", []), link.sendSync() else {
      abandon()
      return .refused(link.sendError())
    }
    return .ready
  }
}
