import ArgumentParser
import Backstage
import Foundation
import LocalPostgres
import Logging
import Sandbox

/// How long a job stands still after the daemon that worked on it was killed in the middle of a call.
///
/// Measured with the real binary: another daemon that runs already takes over, or one that is started
/// then. Where the call had made its codes the job goes on when they have been adopted; where it had
/// made none, when they are asked for again.
struct Recovery: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recovery",
    abstract: "Measures how long a job stands still after a kill -9 in the middle of a call.",
    discussion: "Ends with status 1 if it took longer than the bounds that are printed."
  )

  @Option(help: "lease.seconds")
  var lease = 5

  @Option(help: "api.timeout_seconds")
  var timeout = 5

  @Option(help: "reconcile.listing_gap_seconds")
  var listingGap = 1

  @Option(help: "How often each case is played.")
  var rounds = 3

  func validate() throws {
    guard lease >= 5, timeout > 0, listingGap > 0, rounds > 0 else {
      throw ValidationError("numbers are positive, and a lease has 5 seconds at least")
    }
  }

  func run() async throws {
    let server = try await LocalPostgres.start()
    let isKept: Bool
    do {
      isKept = try await measure(on: server)
    } catch {
      try? await server.remove()
      throw error
    }
    try await server.remove()
    if !isKept { throw ExitCode(1) }
  }

  private func measure(on server: LocalPostgres) async throws -> Bool {
    print("lease \(lease) s, API timeout \(timeout) s, listing gap \(listingGap) s")
    print("codes made | taken over by  | seconds          | bound")
    var isKept = true
    var number = 0
    for made in [Making.all, .none] {
      let bound = made == .all ? lease + 5 : lease + timeout + 2 * listingGap + 5
      for isFleet in [true, false] {
        var times: [Double] = []
        for _ in 0..<rounds {
          number += 1
          let kill = Kill(made: made, isFleet: isFleet, database: "recovery\(number)")
          times.append(try await kill.measure(on: server, settings))
        }
        isKept = isKept && times.allSatisfy { $0 <= Double(bound) }
        let columns = [
          (made == .all ? "all" : "none").padded(10),
          (isFleet ? "another daemon" : "a new start").padded(14),
          times.map { String(format: "%.1f", $0) }.joined(separator: ", ").padded(16),
          "\(bound)",
        ]
        print(columns.joined(separator: " | "))
      }
    }
    return isKept
  }

  private var settings: [String: String] {
    [
      "CODEMINT_CONFIG": "/dev/null",
      "CODEMINT_HTTP_LISTEN": "",
      "CODEMINT_API_TIMEOUT_SECONDS": "\(timeout)",
      "CODEMINT_LEASE_SECONDS": "\(lease)",
      "CODEMINT_RECONCILE_LISTING_GAP_SECONDS": "\(listingGap)",
    ]
  }
}

/// One daemon that is killed in the middle of a call.
private struct Kill {
  /// What the call makes before nobody is there to hear the answer.
  let made: Making
  /// Whether another daemon runs already.
  let isFleet: Bool
  let database: String

  private static let size = 500

  /// Plays it.
  /// - Returns: The seconds from the kill until the job goes on.
  func measure(on server: LocalPostgres, _ settings: [String: String]) async throws -> Double {
    let key = "key-\(UUID().uuidString)"
    let silence = FaultRule(.generate, .hang(made: made), skip: 1, times: 1)
    let sandbox = try Sandbox(
      SandboxConfiguration(apiKey: SandboxKey(key), faults: FaultPlan(rules: [silence])),
      logger: Logger(label: "sandbox") { _ in SwiftLogNoOpLogHandler() }
    )
    try await server.createDatabase(database)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await sandbox.run() }
      var environment = settings
      environment["CODEMINT_DATABASE_URL"] = server.url(database: database, over: .tcp)
      environment["CODEMINT_API_BASE_URL"] = "http://127.0.0.1:\(try await sandbox.port())"
      environment["CODEMINT_API_KEY"] = key
      let seconds = try await measure(server, sandbox, environment)
      group.cancelAll()
      return seconds
    }
  }

  private func measure(
    _ server: LocalPostgres,
    _ sandbox: Sandbox,
    _ environment: [String: String]
  ) async throws -> Double {
    let migration = try CodemintProcess(["migrate"], environment: environment)
    guard try await migration.end() == .status(0) else {
      throw Broken(what: try await migration.everything().joined(separator: "\n"))
    }
    let first = try CodemintProcess(["run"], environment: environment)
    let other = isFleet ? try CodemintProcess(["run"], environment: environment) : nil
    try await first.errors.line("ready")
    try await other?.errors.line("ready")
    // Without one clean answer of the account nothing could be decided without a person (rule 10).
    try insert(1, server)
    try await wait { try issued(of: 1, server) == 1 }
    try insert(Self.size, server)
    try await wait {
      sandbox.truth.generateRequests == 2
        && sandbox.truth.codes == 1 + (made == .all ? Self.size : 0)
    }
    let worker = """
      SELECT process FROM codemint.workers w JOIN codemint.calls c ON c.worker = w.id
      WHERE c.state = 'sending'
      """
    let isFirst = try server.sql(worker, database: database) == "\(first.process)"
    let killed = isFirst ? first : other
    let begin = ContinuousClock.now
    killed?.send(SIGKILL)
    _ = try await killed?.end()
    let next = isFleet ? nil : try CodemintProcess(["run"], environment: environment)
    try await wait {
      made == .all
        ? try issued(of: 2, server) == Self.size : sandbox.truth.generateRequests == 3
    }
    let elapsed = ContinuousClock.now - begin
    for process in [first, other, next] { await process?.bury() }
    return elapsed / .seconds(1)
  }

  private func insert(_ count: Int, _ server: LocalPostgres) throws {
    try server.sql(
      """
      INSERT INTO codemint.jobs (reward_id, count)
      VALUES ('3c90c3cc-0d44-4b50-8888-8dd25736052a', \(count))
      """,
      database: database
    )
  }

  private func issued(of job: Int, _ server: LocalPostgres) throws -> Int? {
    Int(try server.sql("SELECT issued FROM codemint.jobs WHERE id = \(job)", database: database))
  }

  private func wait(until isTrue: () throws -> Bool) async throws {
    let isReached = try await Time.pass(
      atMost: .seconds(300),
      every: .milliseconds(20),
      until: isTrue
    )
    guard isReached else { throw Broken(what: "it does not come, after five minutes") }
  }
}

extension String {
  fileprivate func padded(_ length: Int) -> String {
    padding(toLength: max(length, count), withPad: " ", startingAt: 0)
  }
}
