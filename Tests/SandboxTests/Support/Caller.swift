import Logging
import ServiceLifecycle

@testable import Sandbox

/// Runs a sandbox for as long as `body` takes, and stops it gracefully: a test ends only if the sandbox
/// does.
func withSandbox<Result>(
  _ configuration: SandboxConfiguration = SandboxConfiguration(seed: 1),
  time: SandboxTime = .system,
  _ body: (Caller) async throws -> Result
) async throws -> Result {
  let sandbox = try Sandbox(configuration, time: time)
  var quiet = Logger(label: "test")
  quiet.logLevel = .critical
  let group = ServiceGroup(
    configuration: .init(services: [sandbox], gracefulShutdownSignals: [], logger: quiet)
  )
  return try await withThrowingTaskGroup(of: Void.self) { tasks in
    tasks.addTask { try await group.run() }
    let caller = Caller(sandbox, port: try await sandbox.port())
    do {
      let result = try await body(caller)
      await group.triggerGracefulShutdown()
      try await tasks.waitForAll()
      return result
    } catch {
      await group.triggerGracefulShutdown()
      throw error
    }
  }
}

/// Calls one sandbox over one connection, which is opened again after it broke.
final class Caller {
  static let reward = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
  static let otherReward = "11111111-2222-4333-8444-555555555555"

  let sandbox: Sandbox
  let port: Int
  /// The key of requests that name none; nil for none.
  var key: String? = "any"
  private var socket: RawSocket?

  init(_ sandbox: Sandbox, port: Int) {
    self.sandbox = sandbox
    self.port = port
  }

  /// The connection in use.
  func connection() async throws -> RawSocket {
    if let socket { return socket }
    let opened = try await RawSocket.connect(port: port)
    socket = opened
    return opened
  }

  /// Sends a request without waiting for the answer.
  func send(
    _ method: String,
    _ path: String,
    body: String? = nil,
    headers: [String: String] = [:]
  ) async throws {
    var lines = ["\(method) \(path) HTTP/1.1", "Host: sandbox"]
    var headers = headers
    if !headers.keys.contains(where: { $0.lowercased() == "x-api-key" }),
      !path.hasPrefix("/sandbox/")
    {
      headers["x-api-key"] = key
    }
    if let body {
      headers["Content-Type"] = headers["Content-Type"] ?? "application/json"
      headers["Content-Length"] = String(body.utf8.count)
    }
    lines += headers.map { "\($0.key): \($0.value)" }
    try await connection().send(lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? ""))
  }

  func answer() async throws -> WireAnswer {
    let answer = try await connection().readAnswer()
    if answer.ending != .open { socket = nil }
    return answer
  }

  func call(
    _ method: String,
    _ path: String,
    body: String? = nil,
    headers: [String: String] = [:]
  ) async throws -> WireAnswer {
    try await send(method, path, body: body, headers: headers)
    return try await answer()
  }

  /// Gives the connection up.
  func hangUp() {
    socket?.hangUp()
    socket = nil
  }

  func sendGenerate(
    _ count: Int,
    prefix: String? = nil,
    reward: String = Caller.reward
  ) async throws {
    let prefix = prefix.map { ",\"prefix\":\"\($0)\"" } ?? ""
    try await send(
      "POST",
      "/v1/rewards/\(reward)/codes/generate",
      body: "{\"count\":\(count)\(prefix)}"
    )
  }

  func generate(
    _ count: Int,
    prefix: String? = nil,
    reward: String = Caller.reward
  ) async throws -> WireAnswer {
    try await sendGenerate(count, prefix: prefix, reward: reward)
    return try await answer()
  }

  func list(_ query: String = "", reward: String = Caller.reward) async throws -> WireAnswer {
    try await call("GET", "/v1/rewards/\(reward)/codes" + (query.isEmpty ? "" : "?" + query))
  }

  /// Puts these faults in force, each as a rule that strikes every call; none of them for none.
  func misbehave(_ endpoint: FaultRule.Endpoint, _ faults: Fault...) throws {
    try sandbox.setFaults(FaultPlan(rules: faults.map { FaultRule(endpoint, $0) }))
  }
}
