// The promises of codemint, kept by the real binary: each test starts `codemint` as anybody would,
// against a real Postgres and the stand-in for the API, and looks at what it did from outside.
//
// `Stage` gives a test its own database and its own stand-in, and ends what the test started.
// `Backstage` runs the binary. `Database` is the test's own eye on the ledger. Nothing here waits for
// time to pass: lines, exits, datagrams and changes of tables are signals; only where there is none,
// `Patience` looks again and again.

import Backstage
import Foundation
import LocalPostgres
import Logging
import Sandbox
import Synchronization
import TestSupport

/// What one test plays on: a database, the stand-in for the API, and the processes that it starts,
/// which are all gone when the test has ended, whichever way it ends.
final class Stage: Sendable {
  let database: Database
  let sandbox: Sandbox
  /// The API key, known to this stage only.
  let key: String
  /// Where the stand-in is.
  let baseURL: String
  /// The server below the database.
  let server: LocalPostgres
  /// A directory for the test's files.
  let directory: String

  private let processes = Mutex<[CodemintProcess]>([])
  private static let turnstile = Turnstile(places: 4)

  private init(
    _ database: Database,
    _ server: TestServer,
    _ sandbox: Sandbox,
    port: Int,
    key: String
  ) throws {
    self.database = database
    self.sandbox = sandbox
    self.key = key
    self.server = server.server
    baseURL = "http://127.0.0.1:\(port)"
    // Goes with the server, whatever happens to the test.
    directory = "\(server.server.directory)/\(database.name)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
  }

  /// Plays on a database of the shared server.
  static func play(
    _ template: TestServer.Template = .migrated,
    api: SandboxConfiguration = SandboxConfiguration(),
    _ body: @Sendable (Stage) async throws -> Void
  ) async throws {
    try await turnstile.pass { try await play(on: TestServer.shared, template, api, body) }
  }

  /// Plays on a database whose server may be stopped, suspended and started.
  static func playWithMortalServer(
    api: SandboxConfiguration = SandboxConfiguration(),
    _ body: @Sendable (Stage) async throws -> Void
  ) async throws {
    try await TestServer.lendMortal { server in
      try await play(on: server, .migrated, api, body)
    }
  }

  /// Plays on a server of its own, which may be spoilt: it is gone with the test.
  static func playWithOwnServer(_ body: @Sendable (Stage) async throws -> Void) async throws {
    let server = try await TestServer.withTemplates()
    try await play(on: server, .migrated, SandboxConfiguration(), body)
    try await server.server.remove()
  }

  private static func play(
    on server: TestServer,
    _ template: TestServer.Template,
    _ api: SandboxConfiguration,
    _ body: @Sendable (Stage) async throws -> Void
  ) async throws {
    let database = try await server.database(template)
    var api = api
    let key = "key-\(UUID().uuidString)"
    api.apiKey = SandboxKey(key)
    if case .any = api.rewards { api.rewards = .any(except: [Reward.unknown]) }
    let sandbox = try Sandbox(
      api,
      logger: Logger(label: "sandbox") { _ in SwiftLogNoOpLogHandler() }
    )
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await sandbox.run() }
      let port = try await sandbox.port()
      let stage = try Stage(database, server, sandbox, port: port, key: key)
      let result = await Result { try await body(stage) }
      await stage.clear()
      group.cancelAll()
      do {
        try result.get()
      } catch {
        throw Broken(error: error, log: stage.log)
      }
    }
    try await server.drop(database)
  }

  /// Kills every process that the test has started.
  func killAll() async {
    for process in processes.withLock({ $0 }) { await process.bury() }
  }

  /// Ends every process, and brings the server back to life if the test left it otherwise.
  private func clear() async {
    await killAll()
    await server.resume()
    if await server.processID == nil { try? await server.start() }
    try? FileManager.default.removeItem(atPath: directory)
  }

  /// A test that could not go on, with what its processes had to say.
  private struct Broken: Error, CustomStringConvertible {
    let error: any Error
    let log: [String]

    var description: String { "\(error); the log:\n\(log.joined(separator: "\n"))" }
  }

  private var log: [String] {
    processes.withLock { $0 }.flatMap { process in
      ["process \(process.process)"] + process.errors.all.prefix(50)
    }
  }

  // MARK: What tests start

  /// An environment in which `codemint` finds nothing of the machine's own: database, API and limits
  /// high enough for a test.
  var environment: [String: String] {
    [
      "CODEMINT_CONFIG": "/dev/null",
      "CODEMINT_DATABASE_URL": database.url,
      "CODEMINT_API_BASE_URL": baseURL,
      "CODEMINT_API_KEY": key,
      "CODEMINT_API_TIMEOUT_SECONDS": "60",
      "CODEMINT_LIMITS_REQUESTS_PER_SECOND": "500",
      "CODEMINT_LIMITS_BURST": "20",
      "CODEMINT_LIMITS_MAX_IN_FLIGHT": "8",
      "CODEMINT_LIMITS_MAX_IN_FLIGHT_PER_REWARD": "4",
      "CODEMINT_LEASE_SECONDS": "60",
      "CODEMINT_HTTP_LISTEN": "",
    ]
  }

  /// A daemon that lists early and often.
  static let hasty: [String: String?] = [
    "CODEMINT_API_TIMEOUT_SECONDS": "5", "CODEMINT_RECONCILE_LISTING_GAP_SECONDS": "1",
    "CODEMINT_POLL_SECONDS": "0.2", "CODEMINT_SYNC_FIRST_SECONDS": "1",
    "CODEMINT_SYNC_LONGEST_SECONDS": "2",
  ]

  /// Starts the daemon.
  /// - Parameter settings: Names in the environment that differ; nil takes one away.
  func daemon(_ settings: [String: String?] = [:]) throws -> CodemintProcess {
    try codemint(["run"], settings)
  }

  /// Starts any command.
  /// - Parameters:
  ///   - program: Another program, which starts the command.
  ///   - output: Where standard output goes, if not to the process's `output`; the same for `errors`.
  func codemint(
    _ arguments: [String],
    _ settings: [String: String?] = [:],
    program: String = Binary.path,
    output: Int32? = nil,
    errors: Int32? = nil
  ) throws -> CodemintProcess {
    var environment = environment
    for (name, value) in settings { environment[name] = value }
    let process = try CodemintProcess(
      arguments,
      environment: environment,
      program: program,
      output: output,
      errors: errors
    )
    processes.withLock { $0.append(process) }
    return process
  }

  // MARK: What tests look at

  /// How many codes there are, counted three times.
  struct Count: Equatable, Sendable {
    let stored: Int
    let distinct: Int
    let made: Int
  }

  /// The numbers that have to be the same.
  func count() async throws -> Count {
    Count(
      stored: try await database.number("SELECT count(*) FROM codemint.codes"),
      distinct: try await database.number("SELECT count(DISTINCT id) FROM codemint.codes"),
      made: sandbox.truth.codes
    )
  }

  /// Waits until the stand-in has made so many codes: a request that has arrived may yet be cut off.
  func codesMade(_ number: Int) async throws {
    let sandbox = sandbox
    try await Patience.until { sandbox.truth.codes >= number }
  }

  /// Waits until so many generate requests have arrived, for one reward or for any.
  func requests(_ number: Int, for reward: String? = nil) async throws {
    let sandbox = sandbox
    try await Patience.until {
      sandbox.truth.requests().count { reward == nil || $0.reward == reward } >= number
    }
  }
}

extension Result where Failure == any Error {
  init(_ body: () async throws -> Success) async {
    do {
      self = .success(try await body())
    } catch {
      self = .failure(error)
    }
  }
}
