extension Connection {
  /// Sends rows into a table and runs a statement behind them, both as one transaction; then runs
  /// others as transactions of their own.
  ///
  /// If the rows or the statement are refused, nothing of that transaction stays, and the others are
  /// not run.
  /// - Returns: The answer of the statement, once its transaction is committed, and the answers of the
  ///   others; nil if they were not run.
  /// - Throws: Only if nothing was sent.
  public func query(
    _ copy: CopyIn,
    with first: Query,
    then others: [Query],
    deadline: Duration? = nil
  ) async throws(PostgresError) -> (
    first: Result<Rows, PostgresError>, others: [Result<Rows, PostgresError>]?
  ) {
    guard link.isOpen, link.isIdle else {
      throw PostgresError(.unsupported, "a transaction cannot run within another one")
    }
    let (replies, cause) = try await supervise(deadline) { exchange(copy, first, others) }
    return (replies.first.explained(by: cause), replies.others?.map { $0.explained(by: cause) })
  }

  private typealias Replies = (first: Link.Reply, others: [Link.Reply]?)

  private func exchange(_ copy: CopyIn, _ first: Query, _ others: [Query]) -> Replies {
    if case .failure(let error) = link.run(copy) {
      rollBack()
      return (.failure(error), nil)
    }
    let replies = pipelined {
      (first: send(first, thenCommit: true), others: others.map { send($0) })
    } receiving: { sent in
      (first: receive(sent.first), others: sent.others.map { receive($0).reply })
    }
    guard let replies else { return (.failure(link.sendError()), nil) }
    let isOpen = link.isGood && !link.isIdle
    if isOpen { rollBack() }
    let reply = replies.first.replies.flatMap { Self.committed($0) }
    if ([reply] + replies.others).contains(where: \.isPreparedStatementGone) { forgetPrepared() }
    return (reply, isOpen ? nil : replies.others)
  }

  /// Ends a transaction that was refused, unless the connection is being given up anyway.
  private func rollBack() {
    guard link.isGood, !interrupter.hasFired else { return }
    _ = link.run(script: "ROLLBACK")
  }

  /// The answer of a statement whose COMMIT answered as the last of its segment.
  private static func committed(_ replies: [Rows]) -> Link.Reply {
    guard replies.count == 2 else { return .failure(.noAnswer) }
    return Result { () throws(PostgresError) in
      try confirm(replies[1])
      return replies[0]
    }
  }
}
