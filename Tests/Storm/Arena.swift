import Backstage
import Foundation
import Logging
import Sandbox

/// Where a storm plays: a cluster, the stand-in for the API, and a fleet. All of it is gone when the
/// storm has ended, whichever way it ends.
struct Arena: Sendable {
  let storm: Storm
  let seed: UInt64
  let cluster: Cluster
  let sandbox: Sandbox
  let fleet: Fleet
  /// The hosts that the daemons run on, if not this one.
  let network: Network?
  let eye: Eye
  /// What every `codemint` here is started with.
  let environment: [String: String]

  /// Seconds, each as short as the settings and a busy machine allow.
  enum Patience {
    static let lease = 5
    static let apiTimeout = 3
    static let listingGap = 2
  }

  static func play(
    _ storm: Storm,
    seed: UInt64,
    _ body: @Sendable @escaping (Arena) async throws -> Verdict
  ) async throws -> Verdict {
    let key = "key-\(UUID().uuidString)"
    let directory = try Self.makeDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let network = try storm.faketime.map {
      try Network(hosts: storm.workers, directory: directory, faketime: $0)
    }
    let settings = try network.map { _ in try Network.serverSettings(directory: directory) }
    let sandbox = try Sandbox(
      SandboxConfiguration(
        host: network == nil ? "127.0.0.1" : "0.0.0.0",
        apiKey: SandboxKey(key),
        seed: seed,
        latency: SandboxLatency(fixed: .milliseconds(30), jitter: .milliseconds(200)),
        faults: BadDay.plan(seed: seed)
      ),
      logger: Logger(label: "sandbox") { _ in SwiftLogNoOpLogHandler() }
    )
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await sandbox.run() }
      let port = try await sandbox.port()
      let cluster = try await Cluster(
        isSynchronous: !storm.asynchronous,
        disks: storm.disks,
        settings: settings ?? []
      )
      let arena = try await Arena(storm, seed, cluster, sandbox, network, port: port, key: key)
      let result: Result<Verdict, any Error>
      do {
        result = .success(try await body(arena))
      } catch {
        await Stuck(arena).explain()
        result = .failure(error)
      }
      await arena.fleet.close()
      await arena.eye.close()
      await cluster.remove()
      group.cancelAll()
      return try result.get()
    }
  }

  private init(
    _ storm: Storm,
    _ seed: UInt64,
    _ cluster: Cluster,
    _ sandbox: Sandbox,
    _ network: Network?,
    port: Int,
    key: String
  ) async throws {
    self.storm = storm
    self.seed = seed
    self.cluster = cluster
    self.sandbox = sandbox
    self.network = network
    let environment = [
      "CODEMINT_CONFIG": "/dev/null",
      "CODEMINT_HTTP_LISTEN": "",
      "CODEMINT_DATABASE_URL": cluster.url,
      "CODEMINT_API_BASE_URL": "http://127.0.0.1:\(port)",
      "CODEMINT_API_KEY": key,
      "CODEMINT_API_TIMEOUT_SECONDS": "\(Patience.apiTimeout)",
      "CODEMINT_LIMITS_REQUESTS_PER_SECOND": "\(storm.requestsPerSecond)",
      "CODEMINT_LIMITS_BURST": "5",
      "CODEMINT_LIMITS_MAX_IN_FLIGHT": "16",
      "CODEMINT_LIMITS_MAX_IN_FLIGHT_PER_REWARD": "3",
      "CODEMINT_LEASE_SECONDS": "\(Patience.lease)",
      "CODEMINT_POLL_SECONDS": "1",
      "CODEMINT_RECONCILE_LISTING_GAP_SECONDS": "\(Patience.listingGap)",
    ]
    self.environment = environment
    let program = storm.codemint ?? Binary.path
    let migration = try CodemintProcess(["migrate"], environment: environment, program: program)
    guard try await migration.end() == .status(0) else {
      throw Broken(what: try await migration.everything().joined(separator: "\n"))
    }
    eye = try Eye(cluster.url)
    try await eye.run(Eye.memory)
    let berths = (1...storm.workers).map { number in
      network?.berth(number, command: [program, "run"], environment: environment, port: port)
        ?? Berth(program: program, arguments: ["run"], environment: environment)
    }
    fleet = Fleet(berths, log: try Self.open(storm.log))
  }

  /// A directory that the servers' own account may look into.
  private static func makeDirectory() throws -> String {
    let path = "/tmp/codemint-arena-\(UUID().uuidString)"
    try FileManager.default.createDirectory(
      atPath: path,
      withIntermediateDirectories: false,
      attributes: [.posixPermissions: 0o755]
    )
    return path
  }

  private static func open(_ path: String?) throws -> FileHandle? {
    guard let path else { return nil }
    guard FileManager.default.createFile(atPath: path, contents: nil) else {
      throw Broken(what: "cannot write \(path)")
    }
    return try FileHandle(forWritingTo: URL(fileURLWithPath: path))
  }

  /// The storm, the quiet after it, and the judgement.
  func storm() async throws -> Verdict {
    let begin = ContinuousClock.now
    try await fleet.start()
    try await Weather(self).blow(since: begin)
    try sandbox.setFaults(FaultPlan())
    Console.say("\(elapsed(since: begin)) s: quiet")
    var quiet = Quiet(self)
    try await quiet.awaitEnd()
    return try await Judge(self).judge(quiet, seconds: elapsed(since: begin))
  }

  func elapsed(since begin: ContinuousClock.Instant) -> Int {
    Int((ContinuousClock.now - begin).components.seconds)
  }
}
