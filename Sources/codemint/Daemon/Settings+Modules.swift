import OneOfNone
import Postgres
import Provisioning

extension Settings {
  /// The connection settings for everything except LISTEN.
  ///
  /// Postgres has no timeouts by default. Without them, a forgotten lock would block a worker until its
  /// leases are over.
  func connectionSettings() throws(SettingsError) -> ConnectionSettings {
    var connection = try connectionSettings(database.url, of: .databaseURL)
    connection.statementTimeout = .seconds(30)
    connection.lockTimeout = .seconds(10)
    connection.idleInTransactionTimeout = .seconds(30)
    return connection
  }

  /// The connection settings for LISTEN.
  func listenSettings() throws(SettingsError) -> ConnectionSettings {
    if let url = database.listenURL {
      return try connectionSettings(url, of: .databaseListenURL)
    }
    return try connectionSettings(database.url, of: .databaseURL)
  }

  /// The settings of the API client.
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
