import ArgumentParser
import Foundation
import Sandbox
import ServiceLifecycle
import UnixSignals

/// `codemint sandbox`: a simulation of the API.
struct SandboxCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sandbox",
    abstract: "Simulates the One of None API on a loopback port, for experiments and tests.",
    discussion: """
      It accepts every reward, or only the rewards given with --reward, and makes codes without value. \
      A request needs a key as it does at the API; any key will do unless CODEMINT_API_KEY is set. \
      GET /sandbox/truth returns what it made.
      """
  )

  @Option(help: "The port; 0 takes a free port. The address is printed.")
  var port = 8089

  @Option(help: "A reward that exists; may be given several times. Without it every reward exists.")
  var reward: [String] = []

  @Option(help: "Milliseconds before each answer.")
  var latency = 0

  @Option(help: "The most milliseconds added to the latency, at random.")
  var jitter = 0

  @Option(help: "The number of characters of a code after its prefix.")
  var codeLength = 10

  @Option(help: "The share of codes, 0 to 1, whose sync is pending at first.")
  var pending = 0.0

  @Option(help: "Milliseconds until the sync of a pending code is final.")
  var settleAfter = 5000

  @Option(help: "The most milliseconds added to that time, at random.")
  var settleSpread = 0

  @Option(help: "The share of pending codes, 0 to 1, whose sync ends in an error.")
  var errors = 0.0

  @Option(help: "The share of codes, 0 to 1, whose status changes once.")
  var changing = 0.0

  @Option(help: "Milliseconds until the status of such a code changes.")
  var changeAfter = 5000

  @Option(
    help: "A JSON file with a plan of faults; docs/sandbox.md describes its format.",
    completion: .file()
  )
  var faults: String?

  @Option(
    help: """
      Draws by this seed how the simulated API differs from the documented one. The plan that was drawn \
      is printed; the same seed draws the same plan.
      """
  )
  var axesSeed: UInt64?

  @Option(
    help: "A prefix that some of the old codes begin with that --axes-seed draws; may be repeated."
  )
  var axesPrefix: [String] = []

  @Option(
    help: """
      Behaves as the API of this JSON report of codemint probe: it differs in the same ways, and takes as \
      long unless --latency says otherwise.
      """,
    completion: .file(extensions: ["json"])
  )
  var like: String?

  @Option(help: "The most generate requests in any second; more are answered with 429.")
  var requestsPerSecond: Int?

  @Option(help: "The seed of the codes; the same seed makes the same codes. Random if not given.")
  var seed: UInt64?

  func run() async throws {
    var configuration = configuration
    let likeness = try like.map(ProbeReport.Likeness.init(report:))
    configuration.faults = try plan(likeness)
    if let likeness, latency == 0, jitter == 0 {
      configuration.latency = SandboxLatency(
        fixed: .milliseconds(likeness.latency),
        jitter: .milliseconds(likeness.jitter)
      )
    }
    if axesSeed != nil {
      try FileDescriptor.standardError.line("plan: \(configuration.faults.json)")
    }
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

  /// The rules of a report come first, then those that were drawn, so that those of the file hold where
  /// only one can.
  private func plan(_ likeness: ProbeReport.Likeness?) throws -> FaultPlan {
    var plan = likeness?.plan ?? FaultPlan()
    if let axesSeed {
      let drawn = FaultPlan.axes(seed: axesSeed, rewards: reward, prefixes: axesPrefix)
      plan = FaultPlan(seed: drawn.seed, rules: plan.rules + drawn.rules)
    }
    if let faults {
      let file = try FaultPlan(contentsOfFile: faults)
      plan.seed = file.seed ?? plan.seed
      plan.rules += file.rules
    }
    return plan
  }

  /// The key comes from the same environment variable as the daemon's key.
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
      ),
      fate: FateShape(share: changing, after: .milliseconds(changeAfter))
    )
    if let seed { configuration.seed = seed }
    configuration.requestsPerSecond = requestsPerSecond
    return configuration
  }

  /// Prints the sandbox's address when it listens.
  private struct Announcement: Service {
    let sandbox: Sandbox
    let hasKey: Bool

    func run() async throws {
      let port = try await sandbox.port()
      try FileDescriptor.standardOutput.line("http://127.0.0.1:\(port)")
      if !hasKey {
        Complaint.say(
          "any key is accepted; set \(Setting.apiKey.environmentName) to require that key"
        )
      }
      try await gracefulShutdown()
    }
  }
}
