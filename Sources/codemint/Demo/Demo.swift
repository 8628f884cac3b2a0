import Foundation
import Ledger
import LocalPostgres
import Logging
import Postgres
import Provisioning
import Sandbox
import ServiceLifecycle

/// The parts of a demo: the daemon of `codemint run`, a private database and a simulated API.
struct Demo {
  /// The allowed sizes of the largest job.
  static let codes = Bounds.jobCount
  /// The allowed requests per second.
  static let pace = 0.1...1000.0

  private let server: LocalPostgres
  private let sandbox: Sandbox
  private let daemon: Daemon
  private let story: DemoStory

  /// The services for a `ServiceGroup`. The story comes last, so that it ends first.
  var services: [any Service] { [sandbox] + daemon.services + [story] }

  /// Starts the database and migrates it.
  static func prepare(
    codes: Int,
    requestsPerSecond: Double,
    keep: Bool,
    output: FileDescriptor
  ) async throws -> Demo {
    try output.line("starting a private Postgres ...")
    var options = LocalPostgres.Options()
    options.durability = .durable
    let server = try await LocalPostgres.start(options)
    do {
      return try await Demo(
        server: server,
        codes: codes,
        requestsPerSecond: requestsPerSecond,
        keep: keep,
        output: output
      )
    } catch {
      try? await server.remove()
      throw error
    }
  }

  private init(
    server: LocalPostgres,
    codes: Int,
    requestsPerSecond: Double,
    keep: Bool,
    output: FileDescriptor
  ) async throws {
    let database = "codemint"
    try await server.createDatabase(database)
    let url = server.url(database: database)
    let connection = try await Connection.open(try ConnectionSettings(url))
    _ = try await Migrator(connection, version: Version.current).migrate()
    _ = try await RoleSetup(connection).apply()
    await connection.close()
    try output.line("created the schema")

    let key = UUID().uuidString
    let port = try FreePort.find()
    sandbox = try Sandbox(
      SandboxConfiguration(
        port: port,
        apiKey: SandboxKey(key),
        rewards: .any(except: [DemoStory.unknownReward]),
        latency: SandboxLatency(fixed: .milliseconds(100), jitter: .milliseconds(150))
      )
    )
    var settings = Settings()
    settings.database.url = Secret(url)
    settings.api.baseURL = "http://127.0.0.1:\(port)"
    settings.api.key = Secret(key)
    let page = try FreePort.find()
    settings.listen = .address(host: "127.0.0.1", port: page)
    settings.limits = Limits(
      requestsPerSecond: requestsPerSecond,
      burst: 1,
      maxInFlight: 8,
      maxInFlightPerReward: 4
    )
    let log = try DemoLog(directory: server.directory)
    daemon = try Daemon(
      settings,
      environment: [:],
      logger: settings.makeLogger(descriptor: log.descriptor)
    )
    self.server = server
    story = DemoStory(
      server: server,
      database: database,
      sandbox: sandbox,
      codes: codes,
      keep: keep,
      page: "http://\(settings.listen)",
      api: settings.api.baseURL,
      logFile: log.path,
      output: output
    )
  }

  /// Stops the database and removes everything.
  func close() async {
    await daemon.close()
    do {
      try await server.remove()
    } catch {
      Complaint.say("codemint: \(error)")
    }
  }
}

/// The daemon's log during a demo. It is a file beside the private database, so that it does not mix
/// with the progress bars.
struct DemoLog {
  let path: String
  let descriptor: Int32

  init(directory: String) throws {
    path = "\(directory)/codemint.log"
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw CommandError(
        .unavailable,
        "cannot write \(path): \(String(cString: strerror(errno)))"
      )
    }
  }
}
