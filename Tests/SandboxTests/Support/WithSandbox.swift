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
