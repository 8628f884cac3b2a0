// Settings: what an operator may set, and where the values come from.
//
// `Setting` is the one table: each case has its path in the YAML file, its name in the environment
// and its kind of value. The sources, highest first, are: flags of the command, the environment,
// systemd credentials, the YAML file, the defaults. `Settings.load` reads all of them with
// `SettingsReader`. It returns `Settings`, or throws one `SettingsError` that lists everything that
// is wrong: unknown names, wrong types, values out of range, settings that contradict each other. A
// wrong value is an error even if a higher source hides it, because it would take effect on the day
// that the higher source is removed.
//
// A new setting needs a case here with its kind, a property in `Settings` with its default and a
// line in its `read`, and its description in config/codemint.yaml.

import Logging
import Provisioning

/// A setting, named as in the YAML file.
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
  case listingGap = "reconcile.listing_gap_seconds"
  case syncTrack = "sync.track"
  case syncRetries = "sync.retries"
  case syncFirst = "sync.first_seconds"
  case syncLongest = "sync.longest_seconds"
  case syncDays = "sync.days"
  case retentionDays = "retention.calls_days"
  case webhookReceivers = "webhooks.receivers"
  case webhookSecrets = "webhooks.secrets"
  case webhookTimeout = "webhooks.timeout_seconds"
  case webhookFirst = "webhooks.first_seconds"
  case webhookLongest = "webhooks.longest_seconds"
  case webhookDays = "webhooks.days"
  case webhookCAFile = "webhooks.ca_file"
  case httpListen = "http.listen"
  case logLevel = "log.level"
  case logFormat = "log.format"

  /// Whether a name, known or misspelt, of the file or of the environment is in a section that has nothing to do
  /// with the database.
  static func isApartFromDatabase(_ name: String) -> Bool {
    let sections = Set(allCases.map { $0.path[0] }).subtracting(databaseURL.path.prefix(1))
    return sections.contains { section in
      name == section || name.hasPrefix("\(section).")
        || name.hasPrefix("\(EnvironmentNames.prefix)\(section.uppercased())_")
    }
  }

  /// The kind of value that a setting takes.
  enum Kind: Sendable {
    /// Any text that is not empty and has no control characters.
    case text
    /// The same as `text`, and never shown.
    case secret
    case whole(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    /// True or false.
    case flag
    case choice([String])
    /// A host and a port, or empty.
    case address
    /// A list of webhooks: a list in the file, the same as JSON elsewhere.
    case webhooks
    /// Secrets of webhooks, never shown.
    case webhookSecrets
  }

  /// The kind of value, with its range. A range that other code needs too is in `Bounds`.
  var kind: Kind {
    switch self {
    case .databaseURL, .databaseListenURL, .apiKey: .secret
    case .apiBaseURL, .apiCAFile, .webhookCAFile: .text
    case .apiTimeout: .whole(Bounds.apiTimeoutSeconds)
    case .requestsPerSecond: .number(Bounds.requestsPerSecond)
    case .burst: .whole(Bounds.burst)
    case .maxInFlight, .maxInFlightPerReward: .whole(Bounds.maxInFlight)
    case .lease: .whole(Bounds.leaseSeconds)
    case .poll: .number(0.1...3600)
    case .listingGap: .whole(1...3600)
    case .syncTrack: .flag
    case .syncRetries: .whole(0...100)
    case .syncFirst: .number(0.1...3600)
    case .syncLongest: .number(0.1...86_400)
    case .syncDays: .number(0.001...365)
    // Never less than the last day of requests, which a failover of the database asks for (protocol,
    // rule 18); 0 keeps them for ever.
    case .retentionDays: .whole(0...3650)
    case .webhookReceivers: .webhooks
    case .webhookSecrets: .webhookSecrets
    case .webhookTimeout: .whole(1...60)
    case .webhookFirst, .webhookLongest: .number(0.01...86_400)
    case .webhookDays: .number(0.001...30)
    case .httpListen: .address
    case .logLevel: .choice(Logger.Level.allCases.map(\.rawValue))
    case .logFormat: .choice(LogFormat.allCases.map(\.rawValue))
    }
  }

  /// What to do about `reconcile.listing_gap_seconds` if a list was so far behind an answer.
  static func raisedListingGap(for lag: Duration) -> String {
    "raise \(Setting.listingGap.rawValue) to \(min(3600, lag.components.seconds * 3 + 1)) or more"
  }

  /// The parts of the path in the YAML file.
  var path: [String] {
    rawValue.split(separator: ".").map(String.init)
  }

  /// The name in the environment: the path in capitals, its dots made underscores.
  var environmentName: String {
    EnvironmentNames.prefix + rawValue.uppercased().replacing(".", with: "_")
  }

  /// The name of the file in `$CREDENTIALS_DIRECTORY`, for the secrets that systemd passes on
  /// (`LoadCredential=` in the unit file); nil for all other settings.
  var credentialName: String? {
    switch self {
    case .databaseURL: "database-url"
    case .apiKey: "api-key"
    case .webhookSecrets: "webhook-secrets"
    default: nil
    }
  }

  var isSecret: Bool {
    switch kind {
    case .secret, .webhookSecrets: true
    case .text, .whole, .number, .flag, .choice, .address, .webhooks: false
    }
  }

  /// Whether it must not be in the file, which everybody may read.
  var isNeverInFile: Bool { [.apiKey, .webhookSecrets].contains(self) }
}

extension Setting {
  /// What a value has to be. The text follows "must be" in messages.
  var rule: String {
    switch kind {
    case .text, .secret: "a text without control characters, and not empty"
    case .whole(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .number(let range):
      "a number from \(Self.plain(range.lowerBound)) to \(Self.plain(range.upperBound))"
    case .flag: "true or false"
    case .address: "HOST:PORT, with an IPv6 address in brackets, or empty to switch it off"
    case .webhooks: WebhookList.rule
    case .webhookSecrets:
      "words like NAME=whsec_..., with 24 to 64 bytes as base64 behind whsec_, as Standard Webhooks have it"
    case .choice(let words): "one of \(words.joined(separator: ", "))"
    }
  }

  /// The number as text, without a fraction if it is whole.
  static func plain(_ number: Double) -> String {
    number == number.rounded() && abs(number) < 1e15 ? String(Int(number)) : String(number)
  }
}

/// The names in the environment that begin with `CODEMINT_`.
enum EnvironmentNames {
  static let prefix = "CODEMINT_"
  /// The variable that names the YAML file; the only one that is not a setting.
  static let configFile = "CODEMINT_CONFIG"

  /// A problem for each unknown name. It is probably a misspelt setting, which would have no effect.
  static func unknown(in environment: [String: String]) -> [SettingsError.Problem] {
    let known = Setting.allCases.map(\.environmentName) + [configFile]
    let strangers = Set(environment.keys.filter { $0.hasPrefix(prefix) }).subtracting(known)
    return strangers.sorted().map { name in
      SettingsError.Problem(
        name: name,
        origin: .environment(name: name),
        rule: "there is no such setting" + Spelling.hint(for: name, among: known)
      )
    }
  }
}
