import Postgres

/// What people and the page read. A table that somebody has locked keeps nobody waiting for long: whoever
/// reads is told who has it, and the statement that helps.
extension Pool {
  private static let brevity = "SET LOCAL lock_timeout = '2s'"

  private static let notAvailable = "55P03"
  private static let unnamed = "somebody has locked a table"

  /// Nothing is waited for, whatever is locked.
  static let holders: Statement = "SELECT codemint.name_holders() AS words"

  /// Runs a statement that changes nothing.
  /// - Parameter deadline: For all of it, the wait for a connection too; if nil, the settings have one for each step.
  /// - Throws: For a lock that is not given within two seconds, an error whose message names who has it, as
  ///   far as the login may know.
  func read(
    _ statement: Statement,
    _ parameters: [Parameter] = [],
    within deadline: Duration? = nil
  ) async throws(PostgresError) -> Rows {
    let end = deadline.map { ContinuousClock.now + $0 }
    var left: Duration? { end.map { max(.zero, $0 - .now) } }
    return try await withConnection(deadline: deadline) { (connection) throws(PostgresError) in
      do throws(PostgresError) {
        return try await connection.transaction(deadline: left) {
          (connection) throws(PostgresError) in
          try await connection.script(Self.brevity, deadline: left)
          return try await connection.query(statement, parameters, deadline: left)
        }
      } catch {
        guard error.sqlState == Self.notAvailable else { throw error }
        var named = error
        do throws(PostgresError) {
          named.message =
            try await connection.query(Self.holders, deadline: left).first?.optionalText("words")
            ?? Self.unnamed
        } catch {
          guard error.code != .deadlineExceeded else { throw error }
          named.message = Self.unnamed
        }
        throw named
      }
    }
  }
}
