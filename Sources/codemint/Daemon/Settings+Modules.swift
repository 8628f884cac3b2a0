import OneOfNone
import Postgres
import Provisioning

extension Settings {
  /// How the database is reached by everything but the listener.
  ///
  /// Postgres leaves its own timeouts off; without them a lock that somebody forgot would hold a
  /// worker up until its leases are gone.
  func connectionSettings() throws(SettingsError) -> ConnectionSettings {
    var connection = try connectionSettings(database.url, of: .databaseURL)
    connection.statementTimeout = .seconds(30)
    connection.lockTimeout = .seconds(10)
    connection.idleInTransactionTimeout = .seconds(30)
    return connection
  }

  /// How the database is listened to.
  func listenSettings() throws(SettingsError) -> ConnectionSettings {
    if let url = database.listenURL {
      return try connectionSettings(url, of: .databaseListenURL)
    }
    return try connectionSettings(database.url, of: .databaseURL)
  }

  /// How the API is reached.
  func apiConfiguration() throws -> APIConfiguration {
    let key = try requiredKey()
    do {
      return try APIConfiguration(
        baseURL: api.baseURL,
        key: APIKey(key.value),
        timeout: api.timeout,
        caFile: api.caFile,
        version: Version.current
      )
    } catch {
      throw refusal(of: Self.setting(behind: error), because: error.description)
    }
  }

  private func connectionSettings(_ url: Secret?, of setting: Setting)
    throws(SettingsError) -> ConnectionSettings
  {
    do throws(PostgresError) {
      var connection = try ConnectionSettings(url?.value ?? "")
      connection.applicationName = "codemint"
      return connection
    } catch {
      throw refusal(of: setting, because: error.description)
    }
  }

  private static func setting(behind error: ConfigurationError) -> Setting {
    switch error.code {
    case .key: .apiKey
    case .timeout: .apiTimeout
    case .caFile: .apiCAFile
    default: .apiBaseURL
    }
  }
}
