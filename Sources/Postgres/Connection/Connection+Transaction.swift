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
