import Sandbox

/// A stand-in for the API, in this process, for the time of a measurement.
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
    let sandbox = try Sandbox(configuration)
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
      throw CommandError(.unavailable, "the stand-in for the API ended before its time")
    }
  }
}
