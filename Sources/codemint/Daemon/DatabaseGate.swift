import Ledger
import Logging
import Postgres
import Provisioning
import ServiceLifecycle
import Worker

/// Waits for the database at the start. Refuses a schema that this version does not know, and a login
/// that may not do everything that the daemon does.
struct DatabaseGate {
  let pool: Pool
  let watch: ProgressWatch
  let logger: Logger

  /// Waits until the database answers, then checks privileges and schema.
  ///
  /// - Returns: False if a shutdown came first.
  /// - Throws: `LedgerError` if the schema is not the one that this binary needs or the login lacks a
  ///   privilege; `PostgresError` if waiting cannot help.
  func pass() async throws -> Bool {
    var trouble: StoreError.Cause?
    while !Task.isShuttingDownGracefully {
      watch.progress()
      switch await cancelWhenGracefulShutdown({ await complaint() }) {
      case .success(nil):
        if trouble != nil { logger.notice("the database answers") }
        return true
      case .success(let complaint?):
        throw complaint
      case .failure(let error):
        if Task.isShuttingDownGracefully { return false }
        guard error.isConnectionLost || error.isOutcomeUnknown else { throw error }
        let cause = StoreError.Cause(error)
        if cause != trouble { logger.warning(cause.beginning, metadata: ["error": "\(error)"]) }
        trouble = cause
      }
      try? await cancelWhenGracefulShutdown {
        try await Task.sleep(for: min(.seconds(2), watch.progressInterval))
      }
    }
    return false
  }

  /// Why the daemon cannot work on this database (nil if it can), or that the database does not answer.
  private func complaint() async -> Result<LedgerError?, PostgresError> {
    do throws(PostgresError) {
      return .success(
        try await pool.withConnection(deadline: .seconds(5)) {
          (connection) throws(PostgresError) in
          if let complaint = ServerVersion(await connection.serverVersion).complaint {
            return LedgerError(.schema, complaint)
          }
          // Privileges before the schema: without them it cannot be read.
          if let complaint = try await PrivilegeCheck(connection).complaint() {
            return LedgerError(.privilege, complaint)
          }
          let state = try await Migrator(connection).state()
          switch state {
          case .current: return nil
          case .drifted, .damaged:
            // Somebody may have had a reason, and nothing must stand still for that.
            logger.warning("the schema was changed by hand", metadata: ["error": "\(state.remedy)"])
            return nil
          case .behind, .ahead, .altered, .otherCode: return LedgerError(.schema, state.remedy)
          }
        }
      )
    } catch {
      return .failure(error)
    }
  }
}
