import Logging
import Provisioning

/// How codemint was told to work.
struct Settings: Sendable {
  /// Where the ledger is.
  struct Database: Sendable {
    /// A URL or `keyword=value` string for libpq; nil leaves everything to libpq's own `PG*`
    /// variables.
    var url: Secret?
    /// Where to listen for wakes, if not there: a pooler in transaction mode cannot pass them on.
    var listenURL: Secret?
  }

  /// How the One of None API is reached.
  struct API: Sendable {
    var baseURL = "https://api.oneofnone.io"
    /// The key; nil if none was given, which only some commands can do without.
    var key: Secret?
    /// Until an answer must be complete.
    var timeout: Duration = .seconds(30)
    /// A PEM file with the certificates of a private authority.
    var caFile: String?
  }

  /// Whether codes are followed until other systems have them, and how.
  struct Sync: Sendable {
    var follows = true
    var rules = SyncRules.standard
  }

  /// What is logged, and how.
  struct Log: Sendable {
    var level = Logger.Level.info
    var format = LogFormat.auto
  }

  var database = Database()
  var api = API()
  /// The pace that this daemon is willing to keep; of daemons that differ the smallest counts.
  var limits = Limits.standard
  /// How long a worker may act on a call without renewing its lease.
  var lease: Duration = .seconds(15)
  /// How often to look for work when nothing wakes the worker.
  var poll: Duration = .seconds(5)
  /// How far two listings of a doubtful reward lie apart, and how long after its timeout a request
  /// may still take effect.
  var settle: Duration = .seconds(10)
  var sync = Sync()
  /// How long the requests of a job are kept after it has ended; nil for ever.
  var callRetention: Duration? = .seconds(90 * 86_400)
  /// Where the status page, the health checks and the metrics are to be had.
  var listen = ListenAddress.standard
  var log = Log()
  /// Where each value that somebody set came from.
  var origins: [Setting: Origin] = [:]

  /// The error that a room's refusal of a value amounts to, naming where the value came from.
  ///
  /// - Parameter rule: What is wrong, without the value if it is a secret.
  func refusal(of setting: Setting, because rule: String) -> SettingsError {
    let origin = origins[setting] ?? .standard
    return SettingsError(problems: [.init(name: setting.rawValue, origin: origin, rule: rule)])
  }

  /// The API key, for the commands that cannot do without.
  func requiredKey() throws(SettingsError) -> Secret {
    if let key = api.key { return key }
    throw refusal(
      of: .apiKey,
      because: """
        no API key is given; set \(Setting.apiKey.environmentName), or put the key into the file \
        /etc/codemint/api-key if systemd starts codemint
        """
    )
  }
}
