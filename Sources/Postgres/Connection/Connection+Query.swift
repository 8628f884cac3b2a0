extension Connection {
  /// Runs a statement.
  ///
  /// If the task is cancelled or the deadline passes while the statement is under way, the server is
  /// asked to stop it, and the connection is closed for good. An error whose `isOutcomeUnknown` is
  /// true means that the statement may have taken effect all the same.
  /// - Parameter deadline: The longest wait, counted from when the connection starts on the
  ///   statement; the settings' if nil.
  public func query(
    _ statement: Statement,
    _ parameters: [Parameter] = [],
    deadline: Duration? = nil
  ) async throws(PostgresError) -> Rows {
    let query = Query(statement, parameters)
    return try await answer(deadline) { run(query) }
  }

  /// Runs SQL text of any number of statements without parameters, as a migration is.
  ///
  /// The server runs them as one transaction unless the text says otherwise.
  /// - Returns: The server's notices.
  @discardableResult
  public func script(
    _ sql: String,
    deadline: Duration? = nil
  ) async throws(PostgresError) -> [Notice] {
    try await answer(deadline) { link.run(script: sql) }.notices
  }

  /// Asks the server for a sign of life, with an empty statement.
  func ping(deadline: Duration? = nil) async throws(PostgresError) {
    _ = try await answer(deadline) { link.run(script: "") }
  }

  /// Runs one statement's exchange with the server under watch.
  func answer(
    _ deadline: Duration?,
    isCancellable: Bool = true,
    _ exchange: () -> Link.Reply
  ) async throws(PostgresError) -> Rows {
    let (answer, cause) = try await supervise(deadline, isCancellable: isCancellable, exchange)
    return try answer.explained(by: cause).get()
  }

  /// Lets `exchange` talk to the server while the deadline and the task's cancellation are watched.
  /// - Returns: What `exchange` returned, and why it was brought back if it was.
  /// - Throws: Only if nothing was sent.
  func supervise<Value>(
    _ deadline: Duration?,
    isCancellable: Bool = true,
    _ exchange: () -> Value
  ) async throws(PostgresError) -> (value: Value, cause: Interrupter.Cause?) {
    guard link.isOpen, isUsable else {
      throw PostgresError(.closed, "nothing was sent")
    }
    guard !isCancellable || !Task.isCancelled else {
      throw PostgresError(.cancelled, "nothing was sent")
    }
    interrupter.begin(until: .after(deadline ?? settings.statementDeadline))
    let value = await withTaskCancellationHandler {
      perform(exchange)
    } onCancel: {
      if isCancellable { interrupter.interrupt(.cancelled) }
    }
    let cause = interrupter.end()
    noteCondition()
    return (value, cause)
  }

  /// Runs an exchange on the connection's thread.
  ///
  /// A closure runs there only if it captures the actor, which one that merely calls `exchange` does
  /// not: the compiler then lets it run on any thread, without a message. Hence the check.
  private func perform<Value>(_ exchange: () -> Value) -> Value {
    preconditionIsolated("libpq is called on the connection's thread only")
    return exchange()
  }

  /// Runs a statement, prepared unless that would be left behind on a pooler's other connections.
  private func run(_ query: Query) -> Link.Reply {
    guard !isPooled else { return runUnprepared(query) }
    let isAlone = link.isIdle
    let answer = runPrepared(query)
    guard case .failure(let error) = answer, error.isPreparedStatementGone else { return answer }
    forgetPrepared()
    // Refused before it began, so it can be run again, unless the refusal broke a transaction.
    return isAlone && link.isGood && !interrupter.hasFired ? runPrepared(query) : answer
  }

  private func runPrepared(_ query: Query) -> Link.Reply {
    let key = PreparedStatements.Key(query)
    if let name = prepared.name(key) { return runPrepared(name, query) }
    guard !prepared.isFull else { return runUnprepared(query) }
    let name = prepared.makeName()
    guard link.sendPrepare(name, key.sql, types: key.types) else {
      return .failure(link.sendError())
    }
    let answer = link.collect()
    guard case .success = answer else { return answer }
    prepared.remember(key, as: name)
    // The cancel request has hit, or missed, the preparation: nothing would stop what is sent now.
    guard !interrupter.hasFired else {
      return .failure(PostgresError(.connectionLost, "nothing was sent"))
    }
    return runPrepared(name, query)
  }

  private func runPrepared(_ name: String, _ query: Query) -> Link.Reply {
    guard link.sendPrepared(name, query.parameters) else { return .failure(link.sendError()) }
    return link.collect()
  }

  private func runUnprepared(_ query: Query) -> Link.Reply {
    guard link.sendUnprepared(query.statement.sql, query.parameters) else {
      return .failure(link.sendError())
    }
    return link.collect()
  }

  /// After DISCARD ALL or a changed table: everything is prepared anew, under new names.
  func forgetPrepared() {
    prepared.forgetAll()
    // What the server still has would stay there for ever. In a broken transaction this is refused,
    // and what stays is small.
    _ = link.run(script: "DEALLOCATE ALL")
  }
}

extension Link.Reply {
  /// The answer as the caller is to see it, if its statement was brought back.
  func explained(by cause: Interrupter.Cause?) -> Self {
    mapError { $0.explained(by: cause) }
  }
}

extension PostgresError {
  /// Whether the server no longer has the prepared statement in the form in which it was prepared.
  var isPreparedStatementGone: Bool { isStalePlan || sqlState == "26000" }

  /// The error as the caller is to see it, if its statement was brought back.
  fileprivate func explained(by cause: Interrupter.Cause?) -> PostgresError {
    // Another error came at the same moment as the interruption: it tells more.
    guard let cause, code == .connectionLost || sqlState == "57014" else { return self }
    var error = self
    switch cause {
    case .deadline: error.code = .deadlineExceeded
    case .cancelled: error.code = .cancelled
    }
    return error
  }
}

extension Connection {
  /// Runs `body` between BEGIN and COMMIT, or ROLLBACK if it throws.
  ///
  /// COMMIT is not cancelled with the task, only bounded by the deadline: giving up on it leaves the
  /// outcome unknown. A COMMIT that the server turns into a ROLLBACK is an error.
  /// - Parameter deadline: For BEGIN, COMMIT and ROLLBACK each; the settings' if nil.
  public nonisolated func transaction<Value>(
    deadline: Duration? = nil,
    _ body: (Connection) async throws(PostgresError) -> Value
  ) async throws(PostgresError) -> Value {
    _ = try await query("BEGIN", deadline: deadline)
    let value: Value
    do throws(PostgresError) {
      value = try await body(self)
    } catch {
      await rollBack(deadline)
      throw error
    }
    try await commit(deadline)
    return value
  }

  private func commit(_ deadline: Duration?) async throws(PostgresError) {
    try Self.confirm(
      try await answer(deadline, isCancellable: false) { link.run(script: "COMMIT") }
    )
  }

  /// Whether what the server says of a COMMIT means that all of it is committed for sure.
  static func confirm(_ commit: Rows) throws(PostgresError) {
    if commit.hasWarning {
      throw PostgresError(
        .server,
        "the commit came with a warning: \(commit.notices.first?.message ?? "")",
        isOutcomeUnknown: true
      )
    }
    guard commit.commandTag == "COMMIT" else {
      throw PostgresError(.server, "the transaction had failed before, and was rolled back")
    }
  }

  /// A connection that cannot roll back is of no more use, and the server rolls back by itself.
  private func rollBack(_ deadline: Duration?) async {
    do throws(PostgresError) {
      _ = try await answer(deadline, isCancellable: false) { link.run(script: "ROLLBACK") }
    } catch {
      abandon()
      noteCondition()
    }
  }
}
