extension Connection {
  /// Runs statements as transactions of their own, in one round trip.
  ///
  /// Each is run whatever becomes of those before it, and has an answer of its own. Where a prepared
  /// statement was gone (see `PostgresError.isRetryable`), its statement was not run.
  /// - Throws: Only if nothing was sent.
  public func query(_ queries: [Query], deadline: Duration? = nil)
    async throws(PostgresError) -> [Result<Rows, PostgresError>]
  {
    guard link.isOpen, link.isIdle else {
      throw PostgresError(.unsupported, "transactions cannot run within another one")
    }
    let (replies, cause) = try await supervise(deadline) { run(queries) }
    return replies.map { $0.explained(by: cause) }
  }

  private func run(_ queries: [Query]) -> [Link.Reply] {
    let replies = exchange(queries)
    let gone = replies.count { $0.isPreparedStatementGone }
    guard gone > 0 else { return replies }
    forgetPrepared()
    // They are run again only if none of them was run: their order is the caller's promise.
    guard gone == replies.count, link.isGood, !interrupter.hasFired else { return replies }
    return exchange(queries)
  }

  private func exchange(_ queries: [Query]) -> [Link.Reply] {
    let replies = pipelined {
      queries.map { send($0) }
    } receiving: { sent in
      sent.map { receive($0).reply }
    }
    return replies ?? queries.map { _ in .failure(link.sendError()) }
  }

  /// Sends what `sending` sends in pipeline mode, and reads the answers; nil if there is no such mode.
  func pipelined<Sending, Replies>(
    _ sending: () -> Sending,
    receiving: (Sending) -> Replies
  ) -> Replies? {
    guard link.enterPipeline() else {
      abandon()
      return nil
    }
    let replies = receiving(sending())
    if !link.exitPipeline() { abandon() }
    return replies
  }

  /// A statement that went out in a pipeline, and what it was prepared as on the way.
  enum Sent {
    case ready
    case preparing(PreparedStatements.Key, name: String)
    case refused(PostgresError)
  }

  /// Sends a statement into the open pipeline, and behind it COMMIT if it ends a transaction, and their
  /// synchronization point.
  ///
  /// COMMIT is never prepared: prepared statements can be gone, and then the transaction would stay
  /// open. The two leave together, so that a process that is stopped leaves no lock behind.
  func send(_ query: Query, thenCommit: Bool = false) -> Sent {
    let key = PreparedStatements.Key(query)
    var sent = Sent.ready
    var isSent: Bool
    if let name = prepared.name(key) {
      isSent = link.sendPrepared(name, query.parameters)
    } else if !isPooled, !prepared.isFull {
      let name = prepared.makeName()
      sent = .preparing(key, name: name)
      isSent =
        link.sendPrepare(name, key.sql, types: key.types)
        && link.sendPrepared(name, query.parameters)
    } else {
      isSent = link.sendUnprepared(key.sql, query.parameters)
    }
    guard isSent, !thenCommit || link.sendUnprepared("COMMIT", []), link.sendSync() else {
      // The pipeline has no clean end now.
      abandon()
      return .refused(link.sendError())
    }
    return sent
  }

  /// Reads what the server says of a statement that was sent, in the order of sending.
  func receive(_ sent: Sent) -> Link.Segment {
    switch sent {
    case .ready:
      return link.collectSegment(withPrepare: false)
    case .preparing(let key, let name):
      let segment = link.collectSegment(withPrepare: true)
      if segment.isPrepared { prepared.remember(key, as: name) }
      return segment
    case .refused(let error):
      return Link.Segment(replies: .failure(error))
    }
  }
}

extension Link.Reply {
  /// Whether the statement was not run because what it had been prepared as is gone.
  var isPreparedStatementGone: Bool {
    if case .failure(let error) = self { error.isPreparedStatementGone } else { false }
  }
}
