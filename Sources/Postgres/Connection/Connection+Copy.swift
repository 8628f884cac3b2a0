extension Connection {
  /// Sends rows into a table and runs a statement behind them, both as one transaction; then runs
  /// others as transactions of their own.
  ///
  /// The others are run whatever becomes of the first transaction, and each has an answer of its own:
  /// the first one's is its statement's, once it is committed. If the rows or the statement are
  /// refused, nothing of that transaction stays.
  /// - Throws: Only if nothing was sent.
  public func query(
    _ copy: CopyIn,
    with first: Query,
    then others: [Query],
    deadline: Duration? = nil
  ) async throws(PostgresError) -> (
    first: Result<Rows, PostgresError>, others: [Result<Rows, PostgresError>]
  ) {
    guard link.isOpen, link.isIdle else {
      throw PostgresError(.unsupported, "a transaction cannot run within another one")
    }
    let (replies, cause) = try await supervise(deadline) { exchange(copy, first, others) }
    return (replies.first.explained(by: cause), replies.others.map { $0.explained(by: cause) })
  }

  private typealias Replies = (first: Link.Reply, others: [Link.Reply])

  private func exchange(_ copy: CopyIn, _ first: Query, _ others: [Query]) -> Replies {
    if case .failure(let error) = link.run(copy) {
      if link.isGood { _ = link.run(script: "ROLLBACK") }
      return (.failure(error), others.map { run($0) })
    }
    let replies = pipelined {
      (first: send(first), commit: sendCommit(), others: others.map { send($0) })
    } receiving: { sent in
      (
        first: receive(sent.first), commit: receive(sent.commit),
        others: sent.others.map { receive($0) }
      )
    }
    guard let replies else {
      return (.failure(link.sendError()), others.map { _ in .failure(link.sendError()) })
    }
    if ([replies.first] + replies.others).contains(where: \.isPreparedStatementGone) {
      forgetPrepared()
    }
    let first = Result { () throws(PostgresError) in
      let rows = try replies.first.get()
      try Self.confirm(replies.commit.get())
      return rows
    }
    return (first, replies.others)
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
