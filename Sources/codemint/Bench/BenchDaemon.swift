import Foundation
import Logging
import Provisioning
import Sandbox

/// `codemint run` as a process of its own, so that its CPU and memory are the daemon's alone.
///
/// A small shell beside it stops the daemon when the shell's standard input ends. The kernel closes
/// that input when this process ends, however it ends.
final class BenchDaemon {
  private static let script = """
    trap '' INT
    exec 3<&0
    (read nothing <&3; kill -TERM $$ 2>/dev/null; rm -f "$1") &
    exec "$0" run 3<&- </dev/null >/dev/null 2>"$1"
    """

  /// Its process id.
  let process: pid_t
  private let shell = Process()
  private let input = Pipe()
  private let log: String

  /// Starts a daemon and waits until it logs a line.
  ///
  /// - Parameters:
  ///   - settings: More settings, by their names.
  ///   - line: A part of the line. By default, the line that says that LISTEN works.
  static func start(
    on database: BenchDatabase,
    api: String,
    limits: Limits? = nil,
    settings: [Setting: String] = [:],
    until line: String = "listening for wakes"
  ) async throws -> BenchDaemon {
    let daemon = try BenchDaemon(Self.environment(database, api, limits, settings))
    let deadline = ContinuousClock.now + .seconds(30)
    while !daemon.hasSaid(line) {
      guard daemon.use != nil, ContinuousClock.now < deadline else {
        let said = daemon.lines.suffix(5).joined(separator: "\n")
        await daemon.stop()
        throw CommandError(.unavailable, "the daemon did not start\n\(said)")
      }
      try await Task.sleep(for: .milliseconds(10))
    }
    return daemon
  }

  private init(_ environment: [String: String]) throws {
    log = FileManager.default.temporaryDirectory.path + "/codemint-bench-\(UUID().uuidString).log"
    let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path
    shell.executableURL = URL(fileURLWithPath: "/bin/sh")
    shell.arguments = ["-c", Self.script, program, log]
    shell.environment = environment
    shell.standardInput = input
    try shell.run()
    process = shell.processIdentifier
  }

  /// What the daemon has used so far; nil if it has ended.
  var use: ProcessUse? { ProcessUse(of: process) }

  /// Drains the daemon and waits for its end.
  func stop() async {
    try? input.fileHandleForWriting.close()
    while shell.isRunning { try? await Task.sleep(for: .milliseconds(5)) }
    unlink(log)
  }

  private var lines: [Substring] {
    let content = FileManager.default.contents(atPath: log) ?? Data()
    return String(decoding: content, as: UTF8.self).split(separator: "\n")
  }

  private func hasSaid(_ text: String) -> Bool { lines.contains { $0.contains(text) } }

  /// The daemon's environment. Settings of this process do not reach the daemon; only the paths of
  /// programs, libraries and temporary files do.
  private static func environment(
    _ database: BenchDatabase,
    _ api: String,
    _ limits: Limits?,
    _ settings: [Setting: String]
  ) -> [String: String] {
    let own = ProcessInfo.processInfo.environment
    var environment: [String: String] = [
      "CODEMINT_CONFIG": "/dev/null",
      Setting.databaseURL.environmentName: database.url,
      Setting.apiBaseURL.environmentName: api,
      Setting.apiKey.environmentName: "bench",
      Setting.httpListen.environmentName: "",
      // The line that says that LISTEN works has this level.
      Setting.logLevel.environmentName: "debug",
    ]
    for name in ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "HOME"] { environment[name] = own[name] }
    if let limits {
      environment[Setting.requestsPerSecond.environmentName] = "\(limits.requestsPerSecond)"
      environment[Setting.burst.environmentName] = "\(limits.burst)"
      environment[Setting.maxInFlight.environmentName] = "\(limits.maxInFlight)"
      environment[Setting.maxInFlightPerReward.environmentName] = "\(limits.maxInFlightPerReward)"
    }
    for (setting, value) in settings { environment[setting.environmentName] = value }
    return environment
  }
}

/// A sandbox in this process for the time of one measurement.
struct BenchAPI: Sendable {
  let sandbox: Sandbox
  let url: String

  static func with<Value: Sendable>(
    requestsPerSecond: Int? = nil,
    latency: Duration = .zero,
    _ body: @escaping @Sendable (BenchAPI) async throws -> Value
  ) async throws -> Value {
    var configuration = SandboxConfiguration(port: 0, latency: SandboxLatency(fixed: latency))
    configuration.requestsPerSecond = requestsPerSecond
    // The sandbox is cancelled while connections are open, and would log errors about them.
    var silent = Logger(label: "codemint.bench")
    silent.logLevel = .critical
    let sandbox = try Sandbox(configuration, logger: silent)
    return try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask {
        try await sandbox.run()
        return nil
      }
      group.addTask {
        try await body(BenchAPI(sandbox: sandbox, url: "http://127.0.0.1:\(sandbox.port())"))
      }
      defer { group.cancelAll() }
      while let ended = try await group.next() {
        if let value = ended { return value }
      }
      throw CommandError(.unavailable, "the simulated API ended too early")
    }
  }
}
