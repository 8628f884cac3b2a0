import Postgres

extension Connection {
  /// The same database for another login.
  func settings(as login: String) async throws -> ConnectionSettings {
    let place = try await query(
      """
      SELECT format('%s?host=%s&port=%s', current_database(),
                    current_setting('unix_socket_directories'), current_setting('port')) AS place
      """
    )
    return try ConnectionSettings("postgresql://\(login)@/\(place.one().text("place"))")
  }
}
