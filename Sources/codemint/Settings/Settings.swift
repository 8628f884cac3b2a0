import Glibc
import Logging
import OneOfNone
import Postgres
import Provisioning
import Worker

/// The settings of one process, with their defaults.
struct Settings: Sendable {
  /// How the database is reached.
  struct Database: Sendable {
    /// A URL or `keyword=value` string for libpq; nil leaves everything to libpq's own `PG*`
    /// variables.
    var url: Secret?
    /// Where to LISTEN if not at `url`. A pooler in transaction mode does not pass on notifications.
    var listenURL: Secret?
  }

  /// How the One of None API is reached.
  struct API: Sendable {
    var baseURL = "https://api.oneofnone.io"
    /// The base URL as the ledger knows the API by it.
    var identity: String { String(baseURL.reversed().drop { $0 == "/" }.reversed()) }
    /// The key; nil if none was given. Only some commands need it.
    var key: Secret?
    /// The time from the start of a request to its complete answer.
    var timeout: Duration = .seconds(30)
    /// A PEM file with the certificates of a private authority.
    var caFile: String?
  }

  /// Whether and how codes are tracked until their sync is final.
  struct Sync: Sendable {
    var tracks = true
    var rules = SyncRules.standard
  }

  /// Where events are sent, and how.
  struct Webhooks: Sendable {
    var receivers: [WebhookList.Entry] = []
    var secrets: [String: [WebhookSecret]] = [:]
    /// The longest time for one message.
    var timeout: Duration = .seconds(10)
    var rules = DeliveryRules.standard
    /// A PEM file with the certificates of a private authority.
    var caFile: String?
  }

  /// What is logged, and how.
  struct Log: Sendable {
    var level = Logger.Level.info
    var format = LogFormat.auto
  }

  var database = Database()
  var api = API()
  /// The limits of the account. If daemons have different limits, the smallest value counts.
  var limits = Limits.standard
  /// How long a worker may act on a call without renewing its lease.
  var lease: Duration = .seconds(15)
  /// The time between two claims if no notification comes.
  var poll: Duration = .seconds(5)
  /// The time between two listings that have to agree about a call in doubt. A request may still take
  /// effect for the same time after its timeout.
  var listingGap: Duration = .seconds(10)
  var sync = Sync()
  /// How long the calls of a job are kept after it has ended; nil for ever.
  var callRetention: Duration? = .seconds(90 * 86_400)
  /// The address of the status page, the health checks and the metrics.
  var listen = ListenAddress.standard
  var webhooks = Webhooks()
  var log = Log()
  /// The source of each value that is not a default.
  var origins: [Setting: Origin] = [:]

  /// The error for a value that another module refuses. It names the source of the value.
  ///
  /// - Parameter rule: What is wrong. It must not contain the value of a secret.
  func refusal(of setting: Setting, because rule: String) -> SettingsError {
    let origin = origins[setting] ?? .standard
    return SettingsError(problems: [.init(name: setting.rawValue, origin: origin, rule: rule)])
  }

  /// The API key, for commands that need it.
  func requiredKey() throws(SettingsError) -> Secret {
    if let key = api.key { return key }
    throw refusal(
      of: .apiKey,
      because: """
        no API key is given; set \(Setting.apiKey.environmentName), or if systemd starts codemint, \
        put the key into the file /etc/codemint/api-key
        """
    )
  }
}

extension Settings {
  /// Takes over the value of each setting from the highest source that gives it.
  mutating func read(_ reader: inout SettingsReader) {
    database.url = reader.secret(.databaseURL)
    database.listenURL = reader.secret(.databaseListenURL)
    api.baseURL = reader.text(.apiBaseURL) ?? api.baseURL
    api.key = reader.secret(.apiKey)
    api.timeout = reader.whole(.apiTimeout).map { .seconds($0) } ?? api.timeout
    api.caFile = reader.text(.apiCAFile)
    let maxInFlight = reader.whole(.maxInFlight) ?? limits.maxInFlight
    limits = Limits(
      requestsPerSecond: reader.number(.requestsPerSecond) ?? limits.requestsPerSecond,
      burst: reader.whole(.burst) ?? limits.burst,
      maxInFlight: maxInFlight,
      // To lower max_in_flight below this default, an operator need not set both.
      maxInFlightPerReward: reader.whole(.maxInFlightPerReward)
        ?? min(limits.maxInFlightPerReward, maxInFlight)
    )
    lease = reader.whole(.lease).map { .seconds($0) } ?? lease
    poll = reader.number(.poll).map { .seconds($0) } ?? poll
    listingGap = reader.whole(.listingGap).map { .seconds($0) } ?? listingGap
    sync.tracks = reader.flag(.syncTrack) ?? sync.tracks
    sync.rules.retries = reader.whole(.syncRetries) ?? sync.rules.retries
    sync.rules.first = reader.number(.syncFirst).map { .seconds($0) } ?? sync.rules.first
    sync.rules.longest = reader.number(.syncLongest).map { .seconds($0) } ?? sync.rules.longest
    sync.rules.patience =
      reader.number(.syncDays).map { .seconds($0 * 86_400) } ?? sync.rules.patience
    if let days = reader.whole(.retentionDays) {
      callRetention = days == 0 ? nil : .seconds(days * 86_400)
    }
    readWebhooks(&reader)
    listen = reader.address(.httpListen) ?? listen
    log.level = reader.choice(.logLevel) ?? log.level
    log.format = reader.choice(.logFormat) ?? log.format
  }
}

/// A text that must not be shown: the API key, or a database URL, which may hold a password.
///
/// No description, dump or interpolation shows the text.
struct Secret: Sendable, Equatable {
  /// The text itself. Pass it only to the module that needs it.
  let value: String

  init(_ text: String) {
    value = text
  }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// Always the same text; never the value.
  var description: String { "(secret)" }

  /// Always the same text; never the value.
  var debugDescription: String { description }

  /// No children, so that `dump` and test failures do not show the value either.
  var customMirror: Mirror { Mirror(self, children: []) }
}

/// The address on which the web server listens, or `off`.
enum ListenAddress: Hashable, Sendable {
  case off
  case address(host: String, port: Int)

  /// The default, which only this machine can reach.
  static let standard = ListenAddress.address(host: "127.0.0.1", port: 9420)

  /// Reads `HOST:PORT`, with an IPv6 address in brackets, or an empty text for `off`; nil for any
  /// other text.
  init?(_ text: String) {
    guard !text.isEmpty else {
      self = .off
      return
    }
    guard let colon = text.lastIndex(of: ":"),
      let port = Int(text[text.index(after: colon)...]), (1...65535).contains(port),
      text[text.index(after: colon)...].allSatisfy(\.isNumber)
    else { return nil }
    var host = text[..<colon]
    if host.first == "[", host.last == "]" {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    let isClean = host.allSatisfy { $0.isLetter || $0.isNumber || ".:-_%".contains($0) }
    guard !host.isEmpty, isClean else { return nil }
    self = .address(host: String(host), port: port)
  }
}

extension ListenAddress: CustomStringConvertible {
  /// As it is written in the settings.
  var description: String {
    switch self {
    case .off: "off"
    case .address(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
  }
}

// What each module takes.
extension Settings {
  /// The connection settings for everything except LISTEN.
  func connectionSettings() throws(SettingsError) -> ConnectionSettings {
    try connectionSettings(database.url, of: .databaseURL)
  }

  /// The connection settings for LISTEN.
  func listenSettings() throws(SettingsError) -> ConnectionSettings {
    if let url = database.listenURL {
      return try connectionSettings(url, of: .databaseListenURL)
    }
    return try connectionSettings()
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

  /// The configuration of this process's worker.
  func workerConfiguration(
    id: WorkerID,
    host: String,
    progressInterval: Duration
  ) -> WorkerConfiguration {
    var configuration = WorkerConfiguration(
      id: id,
      host: host,
      process: Int(getpid()),
      version: Version.current,
      limits: limits,
      lease: lease,
      poll: poll,
      apiTimeout: api.timeout,
      listingGap: listingGap
    )
    configuration.sync = sync.tracks ? sync.rules : nil
    configuration.callRetention = callRetention
    configuration.progressInterval = progressInterval
    return configuration
  }

  /// Postgres has no timeouts by default. Without them, a forgotten lock would block a worker until its
  /// leases are over. And a database may have some that are too short.
  private func connectionSettings(_ url: Secret?, of setting: Setting)
    throws(SettingsError) -> ConnectionSettings
  {
    do throws(PostgresError) {
      var connection = try ConnectionSettings(url?.value ?? "")
      connection.applicationName = "codemint"
      connection.statementTimeout = .seconds(30)
      connection.lockTimeout = .seconds(10)
      connection.idleInTransactionTimeout = .seconds(30)
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
