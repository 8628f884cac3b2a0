extension Connection {
  /// Runs two statements as two transactions in one round trip.
  ///
  /// The second is run whatever becomes of the first, and each has an answer of its own. Where a
  /// prepared statement was gone (see `PostgresError.isRetryable`), its statement was not run.
  /// - Throws: Only if nothing was sent.
  public func query(
    _ first: Query,
    then second: Query,
    deadline: Duration? = nil
  ) async throws(PostgresError) -> (
    first: Result<Rows, PostgresError>, second: Result<Rows, PostgresError>
  ) {
    guard link.isOpen, link.isIdle else {
      throw PostgresError(.unsupported, "a pair of statements cannot run within a transaction")
    }
    let (pair, cause) = try await supervise(deadline) { runPair(first, second) }
    return (pair.first.explained(by: cause), pair.second.explained(by: cause))
  }

  private typealias Pair = (first: Link.Reply, second: Link.Reply)

  private func runPair(_ first: Query, _ second: Query) -> Pair {
    let pair = exchangePair(first, second)
    guard case .failure(let one) = pair.first, one.isPreparedStatementGone else {
      if case .failure(let two) = pair.second, two.isPreparedStatementGone { forgetPrepared() }
      return pair
    }
    forgetPrepared()
    // Both are run again only if neither was run: their order is the caller's promise.
    guard case .failure(let two) = pair.second, two.isPreparedStatementGone, link.isGood,
      !interrupter.hasFired
    else { return pair }
    return exchangePair(first, second)
  }

  private func exchangePair(_ first: Query, _ second: Query) -> Pair {
    guard link.enterPipeline() else {
      return (.failure(link.sendError()), .failure(link.sendError()))
    }
    let one = send(first)
    let two = send(second)
    let pair = (first: receive(one), second: receive(two))
    if !link.exitPipeline() { abandon() }
    return pair
  }

  /// A statement that went out in a pipeline, and what it was prepared as on the way.
  enum Sent {
    case ready
    case preparing(PreparedStatements.Key, name: String)
    case refused(PostgresError)
  }

  /// Sends a statement, and its synchronization point, into the open pipeline.
  func send(_ query: Query) -> Sent {
    let key = PreparedStatements.Key(query)
    var sent = Sent.ready
    var isSent: Bool
    if let name = prepared.name(key) {
      isSent = link.sendPrepared(name, query.parameters)
    } else if preparesStatements, !prepared.isFull {
      let name = prepared.makeName()
      sent = .preparing(key, name: name)
      isSent =
        link.sendPrepare(name, key.sql, types: key.types)
        && link.sendPrepared(name, query.parameters)
    } else {
      isSent = link.sendUnprepared(key.sql, query.parameters)
    }
    guard isSent, link.sendSync() else {
      // The pipeline has no clean end now.
      abandon()
      return .refused(link.sendError())
    }
    return sent
  }

  /// Reads what the server says of a statement that was sent, in the order of sending.
  func receive(_ sent: Sent) -> Link.Reply {
    switch sent {
    case .ready:
      return link.collectSegment(withPrepare: false).reply
    case .preparing(let key, let name):
      let (isPrepared, reply) = link.collectSegment(withPrepare: true)
      if isPrepared { prepared.remember(key, as: name) }
      return reply
    case .refused(let error):
      return .failure(error)
    }
  }
}
