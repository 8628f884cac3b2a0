import Foundation
import Provisioning

/// `codemint run` as a process of its own, so that what it uses is what the daemon uses.
///
/// It runs under a small shell that stops it when its standard input ends, which the kernel brings
/// about however this process comes to its end.
final class BenchDaemon {
  private static let script = """
    trap '' INT
    "$0" run </dev/null >/dev/null 2>"$1" &
    echo $!
    read nothing
    kill -TERM $! 2>/dev/null
    wait $!
    """

  /// Its process id.
  let process: pid_t
  private let shell = Process()
  private let input = Pipe()
  private let log: String

  /// Starts a daemon and waits until it listens for work.
  static func start(
    on database: BenchDatabase,
    api: String,
    limits: Limits? = nil
  ) async throws -> BenchDaemon {
    let daemon = try BenchDaemon(database, api, limits)
    let deadline = ContinuousClock.now + .seconds(30)
    while !daemon.hasSaid("listening for wakes") {
      guard daemon.use != nil, ContinuousClock.now < deadline else {
        let said = daemon.lines.suffix(5).joined(separator: "\n")
        await daemon.stop()
        throw CommandError(.unavailable, "the daemon did not come up\n\(said)")
      }
      try await Task.sleep(for: .milliseconds(10))
    }
    return daemon
  }

  private init(_ database: BenchDatabase, _ api: String, _ limits: Limits?) throws {
    log = FileManager.default.temporaryDirectory.path + "/codemint-bench-\(UUID().uuidString).log"
    let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path
    let output = Pipe()
    shell.executableURL = URL(fileURLWithPath: "/bin/sh")
    shell.arguments = ["-c", Self.script, program, log]
    shell.environment = Self.environment(database, api, limits)
    shell.standardInput = input
    shell.standardOutput = output
    try shell.run()
    let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    guard let process = pid_t(line.filter(\.isNumber)) else {
      throw CommandError(.unavailable, "/bin/sh did not start the daemon")
    }
    self.process = process
  }

  /// What it has used so far; nil if it is gone.
  var use: ProcessUse? { ProcessUse(of: process) }

  /// Drains it and waits for its end.
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

  /// Nothing of what this process was told reaches the daemon, but where libraries are.
  private static func environment(
    _ database: BenchDatabase,
    _ api: String,
    _ limits: Limits?
  ) -> [String: String] {
    let own = ProcessInfo.processInfo.environment
    var environment: [String: String] = [
      "CODEMINT_CONFIG": "/dev/null",
      Setting.databaseURL.environmentName: database.url,
      Setting.apiBaseURL.environmentName: api,
      Setting.apiKey.environmentName: "bench",
      Setting.httpListen.environmentName: "",
      // The line that says that it listens is of this level.
      Setting.logLevel.environmentName: "debug",
    ]
    for name in ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "HOME"] { environment[name] = own[name] }
    if let limits {
      environment[Setting.requestsPerSecond.environmentName] = "\(limits.requestsPerSecond)"
      environment[Setting.burst.environmentName] = "\(limits.burst)"
      environment[Setting.maxInFlight.environmentName] = "\(limits.maxInFlight)"
      environment[Setting.maxInFlightPerReward.environmentName] = "\(limits.maxInFlightPerReward)"
    }
    return environment
  }
}
