import Logging
import Provisioning
import Testing

@testable import codemint

@Suite("Where settings come from")
struct SourceTests {
  @Test("without any source every setting has its default")
  func defaults() throws {
    let settings = try Loading.settings()
    #expect(settings.database.url == nil && settings.database.listenURL == nil)
    #expect(settings.api.baseURL == "https://api.oneofnone.io")
    #expect(settings.api.key == nil && settings.api.caFile == nil)
    #expect(settings.api.timeout == .seconds(30))
    #expect(settings.limits == .standard)
    #expect(settings.lease == .seconds(15) && settings.poll == .seconds(5))
    #expect(settings.callRetention == .seconds(90 * 86_400))
    #expect(settings.log.level == .info && settings.log.format == .auto)
    #expect(settings.origins.isEmpty)
  }

  @Test("every setting can come from the environment")
  func environment() throws {
    let scratch = try Scratch()
    let authority = try scratch.file("ca.pem", "")
    let settings = try Loading.settings(environment: [
      "CODEMINT_DATABASE_URL": "postgresql://db/shop",
      "CODEMINT_DATABASE_LISTEN_URL": "host=db dbname=shop",
      "CODEMINT_API_BASE_URL": "https://example.com",
      "CODEMINT_API_KEY": "key-1",
      "CODEMINT_API_TIMEOUT_SECONDS": "7",
      "CODEMINT_API_CA_FILE": authority,
      "CODEMINT_LIMITS_REQUESTS_PER_SECOND": "0.5",
      "CODEMINT_LIMITS_BURST": "3",
      "CODEMINT_LIMITS_MAX_IN_FLIGHT": "9",
      "CODEMINT_LIMITS_MAX_IN_FLIGHT_PER_REWARD": "8",
      "CODEMINT_LEASE_SECONDS": "60",
      "CODEMINT_POLL_SECONDS": "0.25",
      "CODEMINT_RECONCILE_LISTING_GAP_SECONDS": "20",
      "CODEMINT_SYNC_TRACK": "false",
      "CODEMINT_SYNC_RETRIES": "0",
      "CODEMINT_SYNC_FIRST_SECONDS": "0.5",
      "CODEMINT_SYNC_LONGEST_SECONDS": "60",
      "CODEMINT_SYNC_DAYS": "0.5",
      "CODEMINT_RETENTION_CALLS_DAYS": "0",
      "CODEMINT_WEBHOOKS_RECEIVERS": #"[{"name": "shop", "url": "https://shop.example/"}]"#,
      "CODEMINT_WEBHOOKS_SECRETS": "shop=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
      "CODEMINT_WEBHOOKS_TIMEOUT_SECONDS": "4",
      "CODEMINT_WEBHOOKS_FIRST_SECONDS": "0.5",
      "CODEMINT_WEBHOOKS_LONGEST_SECONDS": "60",
      "CODEMINT_WEBHOOKS_DAYS": "0.5",
      "CODEMINT_WEBHOOKS_CA_FILE": authority,
      "CODEMINT_HTTP_LISTEN": "[::1]:80",
      "CODEMINT_LOG_LEVEL": "debug",
      "CODEMINT_LOG_FORMAT": "json",
      "PATH": "/bin",
    ])
    #expect(settings.database.url?.value == "postgresql://db/shop")
    #expect(settings.database.listenURL?.value == "host=db dbname=shop")
    #expect(settings.api.baseURL == "https://example.com")
    #expect(settings.api.key?.value == "key-1")
    #expect(settings.api.timeout == .seconds(7) && settings.api.caFile == authority)
    let limits = Limits(requestsPerSecond: 0.5, burst: 3, maxInFlight: 9, maxInFlightPerReward: 8)
    #expect(settings.limits == limits)
    #expect(settings.lease == .seconds(60) && settings.poll == .milliseconds(250))
    #expect(settings.listingGap == .seconds(20))
    #expect(!settings.sync.tracks && settings.sync.rules.retries == 0)
    #expect(settings.sync.rules.first == .milliseconds(500))
    #expect(settings.sync.rules.longest == .seconds(60))
    #expect(settings.sync.rules.patience == .seconds(43_200))
    #expect(settings.callRetention == nil)
    #expect(settings.webhooks.receivers.map(\.name) == ["shop"])
    #expect(settings.webhooks.secrets["shop"]?.count == 1)
    #expect(settings.webhooks.timeout == .seconds(4) && settings.webhooks.caFile == authority)
    #expect(
      settings.webhooks.rules
        == DeliveryRules(
          first: .milliseconds(500),
          longest: .seconds(60),
          patience: .seconds(43_200)
        )
    )
    #expect(settings.listen == .address(host: "::1", port: 80))
    #expect(settings.log.level == .debug && settings.log.format == .json)
    #expect(settings.origins.count == Setting.allCases.count)
  }

  @Test("every setting but the API key and the secrets of webhooks can come from the file")
  func file() throws {
    let scratch = try Scratch()
    let authority = try scratch.file("ca.pem", "")
    let settings = try Loading.settings(
      yaml: """
        database:
          url: postgresql://db/shop
          listen_url: 'host=db dbname=shop'
        api: {base_url: "https://example.com", timeout_seconds: 7, ca_file: \(authority)}
        limits:
          requests_per_second: 0.5
          burst: 3
          max_in_flight: 9
          max_in_flight_per_reward: 8
        lease: {seconds: 60}
        poll:
          seconds: 2
        reconcile: {listing_gap_seconds: 30}
        sync: {track: no, retries: 9, first_seconds: 1, longest_seconds: 2.5, days: 30}
        retention: {calls_days: 7}
        webhooks:
          receivers: [{name: shop, url: "https://shop.example/"}]
          timeout_seconds: 4
          first_seconds: 1
          longest_seconds: 2.5
          days: 30
          ca_file: \(authority)
        http: {listen: "localhost:9000"}
        log:
          level: debug   # much
          format: json
        """
    )
    #expect(settings.database.url?.value == "postgresql://db/shop")
    #expect(settings.database.listenURL?.value == "host=db dbname=shop")
    #expect(settings.api.baseURL == "https://example.com" && settings.api.caFile == authority)
    #expect(settings.api.timeout == .seconds(7))
    let limits = Limits(requestsPerSecond: 0.5, burst: 3, maxInFlight: 9, maxInFlightPerReward: 8)
    #expect(settings.limits == limits)
    #expect(settings.lease == .seconds(60) && settings.poll == .seconds(2))
    #expect(settings.listingGap == .seconds(30))
    #expect(!settings.sync.tracks && settings.sync.rules.retries == 9)
    #expect(settings.sync.rules.longest == .milliseconds(2500))
    #expect(settings.callRetention == .seconds(7 * 86_400))
    #expect(settings.webhooks.receivers.map(\.name) == ["shop"])
    #expect(settings.webhooks.timeout == .seconds(4) && settings.webhooks.caFile == authority)
    #expect(settings.webhooks.rules.longest == .milliseconds(2500))
    #expect(settings.listen == .address(host: "localhost", port: 9000))
    #expect(settings.log.level == .debug && settings.log.format == .json)
    #expect(settings.origins.count == Setting.allCases.count - 2)
  }

  @Test(
    "a flag wins over the environment, the environment over a credential, a credential over the file"
  )
  func precedence() throws {
    let scratch = try Scratch()
    _ = try scratch.file("database-url", "from-credential\n")
    let yaml = "database: {url: from-file}"
    let variable = ["CODEMINT_DATABASE_URL": "from-environment"]
    let credential = ["CREDENTIALS_DIRECTORY": scratch.path]
    let flag: [Setting: SettingSource.Override] = [
      .databaseURL: .init(flag: "--database", text: "from-flag")
    ]
    func url(_ settings: Settings) -> String? { settings.database.url?.value }
    let all = variable.merging(credential) { $1 }
    #expect(try url(Loading.settings(yaml: yaml)) == "from-file")
    #expect(try url(Loading.settings(environment: credential, yaml: yaml)) == "from-credential")
    #expect(try url(Loading.settings(environment: all, yaml: yaml)) == "from-environment")
    let highest = try Loading.settings(flags: flag, environment: all, yaml: yaml)
    #expect(url(highest) == "from-flag")
    #expect(highest.origins[.databaseURL] == .flag("--database"))
  }

  @Test("credentials lose the line break at their end and nothing else")
  func credentials() throws {
    for (content, value) in [
      ("key-1", "key-1"), ("key-1\n", "key-1"), ("key-1\r\n", "key-1"), (" key-1 \n", " key-1 "),
    ] {
      let scratch = try Scratch()
      let file = try scratch.file("api-key", content)
      let settings = try Loading.settings(environment: ["CREDENTIALS_DIRECTORY": scratch.path])
      #expect(settings.api.key == Secret(value))
      #expect(settings.origins[.apiKey] == .credential(file: file))
    }
  }

  @Test("a credential that is missing or empty counts as not given", arguments: [nil, "", "\n"])
  func emptyCredential(content: String?) throws {
    let scratch = try Scratch()
    if let content { _ = try scratch.file("api-key", content) }
    let settings = try Loading.settings(environment: ["CREDENTIALS_DIRECTORY": scratch.path])
    #expect(settings.api.key == nil)
  }

  @Test("a credential that cannot be read is named")
  func unreadableCredential() throws {
    let scratch = try Scratch()
    // A file cannot be a directory too, whoever asks.
    let file = try scratch.file("plain", "")
    let problems = try Loading.problems(environment: ["CREDENTIALS_DIRECTORY": file])
    #expect(problems.map(\.name) == ["database.url", "api.key", "webhooks.secrets"])
    #expect(problems[1].origin == .credential(file: "\(file)/api-key"))
  }

  @Test("a file that is missing matters only if somebody named it")
  func missingFile() throws {
    let path = Loading.nowhere
    let byName = #expect(throws: SettingsError.self) {
      try Settings.load(environment: ["CODEMINT_CONFIG": path])
    }
    let name = Origin.environment(name: "CODEMINT_CONFIG")
    #expect(byName?.problems.map(\.origin) == [name])
    let byFlag = #expect(throws: SettingsError.self) {
      try Settings.load(environment: [:], configFile: .init(flag: "--config", text: path))
    }
    #expect(byFlag?.problems.map(\.origin) == [.flag("--config")])
    #expect(byFlag?.description.contains(path) == true)
    #expect(throws: Never.self) { try Settings.load(environment: [:], standardFile: path) }
  }

  @Test("the file of a flag wins over the environment's file, and that over the standard file")
  func whichFile() throws {
    let scratch = try Scratch()
    func file(_ burst: Int) throws -> String {
      try scratch.file("\(burst).yaml", "limits: {burst: \(burst)}")
    }
    let (standard, variable, flag) = (try file(10), try file(20), try file(30))
    let environment = ["CODEMINT_CONFIG": variable]
    let override = SettingSource.Override(flag: "--config", text: flag)
    func burst(_ environment: [String: String], _ flag: SettingSource.Override?) throws -> Int {
      try Settings.load(environment: environment, configFile: flag, standardFile: standard)
        .limits.burst
    }
    #expect(try burst([:], nil) == 10)
    #expect(try burst(environment, nil) == 20)
    #expect(try burst(environment, override) == 30)
  }

  @Test(
    "a file without a setting in it is a file without a setting",
    arguments: [
      "", "\n", "# nothing\n", "---\n", "{}", "limits:\n", "limits:\n#  burst: 2\nlog: {}", "~",
    ]
  )
  func emptyFile(yaml: String) throws {
    #expect(try Loading.settings(yaml: yaml).origins.isEmpty)
  }

  @Test("names in the environment follow from the paths in the file")
  func names() {
    #expect(Setting.apiTimeout.environmentName == "CODEMINT_API_TIMEOUT_SECONDS")
    #expect(
      Setting.maxInFlightPerReward.environmentName == "CODEMINT_LIMITS_MAX_IN_FLIGHT_PER_REWARD"
    )
    let names = Setting.allCases.map(\.environmentName)
    #expect(Set(names).count == names.count && !names.contains(EnvironmentNames.configFile))
  }
}
