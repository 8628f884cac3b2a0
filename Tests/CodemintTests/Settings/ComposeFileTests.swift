import Foundation
import Testing
import Yams

@testable import codemint

@Suite("config/compose.yaml fits the commands, the settings and the image")
struct ComposeFileTests {
  /// A service that runs codemint, as the file describes it.
  struct Service: Sendable {
    let name: String
    let image: String
    let arguments: [String]
    let environment: [String: String]
    /// The names under which it finds its secrets.
    let secrets: [String]
    let seconds: [String: Double]
    let healthcheck: [String]
  }

  static func file() throws -> [String: Any] {
    try #require(try Yams.load(yaml: Repository.text("config/compose.yaml")) as? [String: Any])
  }

  static func services() throws -> [Service] {
    let services = try #require(try file()["services"] as? [String: [String: Any]])
    return services.sorted { $0.key < $1.key }.compactMap { name, service in
      guard let image = service["image"] as? String, image.contains("codemint") else { return nil }
      let secrets = (service["secrets"] as? [Any] ?? []).compactMap { secret in
        secret as? String ?? (secret as? [String: String])?["target"]
      }
      var seconds: [String: Double] = [:]
      for (key, value) in service {
        guard let text = value as? String, text.hasSuffix("s") else { continue }
        seconds[key] = Double(text.dropLast())
      }
      return Service(
        name: name,
        image: image,
        arguments: service["command"] as? [String] ?? ["run"],
        environment: service["environment"] as? [String: String] ?? [:],
        secrets: secrets,
        seconds: seconds,
        healthcheck: (service["healthcheck"] as? [String: Any])?["test"] as? [String] ?? []
      )
    }
  }

  @Test("it runs the daemon, the migration and the stand-in, from the image of this version")
  func images() throws {
    let services = try Self.services()
    #expect(services.map(\.name) == ["codemint", "migrate", "sandbox"])
    for service in services {
      #expect(service.image == "localhost/codemint:\(Version.current)", "\(service.name)")
    }
  }

  @Test("every command exists, with its options, and so does the health check")
  func commands() throws {
    for service in try Self.services() {
      #expect(throws: Never.self) { try Codemint.parseAsRoot(service.arguments) }
      guard !service.healthcheck.isEmpty else { continue }
      #expect(service.healthcheck.starts(with: ["CMD", "codemint"]))
      #expect(try Codemint.parseAsRoot(Array(service.healthcheck.dropFirst(2))) is HealthCommand)
    }
  }

  @Test("every setting exists and has a value that it may have")
  func settings() throws {
    for service in try Self.services() {
      #expect(throws: Never.self, "\(service.name)") {
        try Loading.settings(environment: service.environment)
      }
    }
  }

  @Test(
    "every secret has the name under which codemint looks for it, and the daemon has what it needs"
  )
  func secrets() throws {
    let known = Set(Setting.allCases.compactMap(\.credentialName))
    for service in try Self.services() {
      #expect(Set(service.secrets).isSubset(of: known), "\(service.name)")
    }
    let daemon = try #require(try Self.services().first { $0.name == "codemint" })
    let needed = [Setting.apiKey, .databaseURL].compactMap(\.credentialName)
    #expect(Set(daemon.secrets).isSuperset(of: needed))
  }

  @Test("stopping may take as long as the API's answer and five seconds more")
  func stopping() throws {
    let daemon = try #require(try Self.services().first { $0.name == "codemint" })
    let grace = try #require(daemon.seconds["stop_grace_period"])
    #expect(grace > Settings().api.timeout.seconds + 5)
  }
}
