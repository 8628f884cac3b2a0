import ArgumentParser
import Foundation
import Sandbox
import ServiceLifecycle
import UnixSignals

/// `codemint sandbox`: a stand-in for the API.
struct SandboxCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sandbox",
    abstract: "Runs a stand-in for the One of None API on a loopback port, to try things out.",
    discussion: """
      It takes any reward, or only those named with --reward, and makes codes that are worth \
      nothing. GET /sandbox/truth tells what it made.
      """
  )

  @Option(help: "The port; 0 takes a free one and prints it.")
  var port = 8089

  @Option(help: "A reward that exists; may be given several times. Without it every one does.")
  var reward: [String] = []

  @Option(help: "Milliseconds until it answers.")
  var latency = 0

  @Option(help: "Milliseconds more, at random.")
  var jitter = 0

  @Option(help: "Characters of a code after its prefix.")
  var codeLength = 10

  @Option(help: "The share of codes, 0 to 1, that come back pending for a shop.")
  var pending = 0.0

  @Option(help: "Milliseconds until a pending code is settled.")
  var settleAfter = 5000

  @Option(help: "Milliseconds more until it is, at random.")
  var settleSpread = 0

  @Option(help: "The share of pending codes, 0 to 1, that settle as an error.")
  var errors = 0.0

  @Option(
    help: "A JSON file with a plan of misbehaviour; docs/sandbox.md says what there is.",
    completion: .file()
  )
  var faults: String?

  @Option(help: "Answer 429 to more generate requests than this in any second.")
  var requestsPerSecond: Int?

  @Option(help: "The same seed makes the same codes; at random if not given.")
  var seed: UInt64?

  func run() async throws {
    var configuration = configuration
    if let faults { configuration.faults = try FaultPlan(contentsOfFile: faults) }
    let sandbox = try Sandbox(configuration)
    let announcement = Announcement(sandbox: sandbox, hasKey: configuration.apiKey != nil)
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [
          .init(service: sandbox, successTerminationBehavior: .gracefullyShutdownGroup),
          .init(service: announcement),
        ],
        gracefulShutdownSignals: [.sigterm, .sigint],
        logger: Settings.quietLogger
      )
    )
    try await group.run()
  }

  /// The key comes from the environment, as the daemon's does.
  private var configuration: SandboxConfiguration {
    let key = ProcessInfo.processInfo.environment[Setting.apiKey.environmentName]
    var configuration = SandboxConfiguration(
      port: port,
      apiKey: key.map { SandboxKey($0) },
      rewards: reward.isEmpty ? .any() : .only(Set(reward)),
      latency: SandboxLatency(
        fixed: .milliseconds(latency),
        jitter: .milliseconds(jitter)
      ),
      codes: CodeShape(length: codeLength),
      sync: SyncShape(
        pendingShare: pending,
        errorShare: errors,
        pendingFor: .milliseconds(settleAfter),
        pendingSpread: .milliseconds(settleSpread)
      )
    )
    if let seed { configuration.seed = seed }
    configuration.requestsPerSecond = requestsPerSecond
    return configuration
  }

  /// Says where the sandbox is, once it is there.
  private struct Announcement: Service {
    let sandbox: Sandbox
    let hasKey: Bool

    func run() async throws {
      let port = try await sandbox.port()
      FileDescriptor.standardOutput.line("http://127.0.0.1:\(port)")
      if !hasKey {
        FileDescriptor.standardError.line(
          "any key is accepted; set \(Setting.apiKey.environmentName) to ask for one"
        )
      }
      try await gracefulShutdown()
    }
  }
}
