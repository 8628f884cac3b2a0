// Settings: what an operator may set, where it may stand, and what stops the start.
//
// `Setting` is the one table: each case has its path in the YAML file, its name in the environment,
// what kind of value it takes and its default. Sources, highest first: flags of the command,
// environment, systemd credentials, YAML file, defaults. `Settings.load` reads them all with
// `SettingsReader` and either gives `Settings` or one `SettingsError` that lists everything that
// is wrong: an unknown name, a wrong type, a value out of range, settings that contradict each
// other. A wrong value is an error even where a higher source hides it, since it would come to
// light on the day that the higher one is taken away.
//
// A new setting needs a case here, a member in `Settings`, and a line in config/codemint.yaml.

import Logging
import Provisioning

/// One thing that can be set, named as in the YAML file.
enum Setting: String, CaseIterable, Sendable {
  case databaseURL = "database.url"
  case databaseListenURL = "database.listen_url"
  case apiBaseURL = "api.base_url"
  case apiKey = "api.key"
  case apiTimeout = "api.timeout_seconds"
  case apiCAFile = "api.ca_file"
  case requestsPerSecond = "limits.requests_per_second"
  case burst = "limits.burst"
  case maxInFlight = "limits.max_in_flight"
  case maxInFlightPerReward = "limits.max_in_flight_per_reward"
  case lease = "lease.seconds"
  case poll = "poll.seconds"
  case settle = "reconcile.settle_seconds"
  case syncFollow = "sync.follow"
  case syncRetries = "sync.retries"
  case syncFirst = "sync.first_seconds"
  case syncLongest = "sync.longest_seconds"
  case syncDays = "sync.days"
  case retentionDays = "retention.calls_days"
  case httpListen = "http.listen"
  case logLevel = "log.level"
  case logFormat = "log.format"

  /// What kind of value a setting takes.
  enum Kind: Sendable {
    /// Any text that is not empty and has no control characters.
    case text
    /// The same, and never shown.
    case secret
    case whole(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    /// True or false.
    case flag
    case choice([String])
    /// A host and a port, or empty.
    case address
  }

  var kind: Kind {
    switch self {
    case .databaseURL, .databaseListenURL, .apiKey: .secret
    case .apiBaseURL, .apiCAFile: .text
    case .apiTimeout: .whole(Bounds.apiTimeoutSeconds)
    case .requestsPerSecond: .number(Bounds.requestsPerSecond)
    case .burst: .whole(Bounds.burst)
    case .maxInFlight, .maxInFlightPerReward: .whole(Bounds.maxInFlight)
    case .lease: .whole(Bounds.leaseSeconds)
    case .poll: .number(Bounds.pollSeconds)
    case .settle: .whole(Bounds.settleSeconds)
    case .syncFollow: .flag
    case .syncRetries: .whole(Bounds.syncRetries)
    case .syncFirst: .number(Bounds.syncFirstSeconds)
    case .syncLongest: .number(Bounds.syncLongestSeconds)
    case .syncDays: .number(Bounds.syncDays)
    case .retentionDays: .whole(Bounds.retentionDays)
    case .httpListen: .address
    case .logLevel: .choice(Logger.Level.allCases.map(\.rawValue))
    case .logFormat: .choice(LogFormat.allCases.map(\.rawValue))
    }
  }

  /// The parts of the path in the YAML file.
  var path: [String] {
    rawValue.split(separator: ".").map(String.init)
  }

  /// The name in the environment: the path in capitals, its dots made underscores.
  var environmentName: String {
    EnvironmentNames.prefix + rawValue.uppercased().replacing(".", with: "_")
  }

  /// The name of the file in `$CREDENTIALS_DIRECTORY` that holds it, for the secrets that systemd
  /// passes on (`LoadCredential=` in the unit file).
  var credentialName: String? {
    switch self {
    case .databaseURL: "database-url"
    case .apiKey: "api-key"
    case .databaseListenURL, .apiBaseURL, .apiTimeout, .apiCAFile, .requestsPerSecond, .burst,
      .maxInFlight, .maxInFlightPerReward, .lease, .poll, .settle, .syncFollow,
      .syncRetries, .syncFirst, .syncLongest, .syncDays, .retentionDays, .httpListen, .logLevel,
      .logFormat:
      nil
    }
  }

  var isSecret: Bool {
    if case .secret = kind { true } else { false }
  }
}
