// A stand-in for the One of None API: it answers the five calls that codemint uses, makes codes, keeps
// its own truth of every code that it made, and misbehaves on request. Demos, benchmarks and tests
// talk to it over a real socket, so it knows the contract only: its wire shapes are its own, and nothing
// here may be shared with the client that it is there to test.
//
// Configuration/  what an instance is told: rewards, shape of codes, sync, latency
// Codes/          what was generated, kept as batches; ids and texts are derived from the seed
// Wire/           bytes: parsing requests strictly, writing answers by hand
// Faults/         the plan of misbehaviour, the forms that an API can differ in, the dice that decide
// Truth/          what really happened, for checkers: by reward, by request, by arrival
// Server/         routes, answers, delivery onto the socket, admin surface under /sandbox/
// Start reading at `Sandbox`, then `Server/SandboxResponder.swift`.

internal import Hummingbird
public import Logging
internal import NIOCore
public import ServiceLifecycle
internal import Synchronization

/// One running stand-in for the API. Run it as a service; it ends on graceful shutdown, and answers
/// that a fault is holding back then end with it.
public final class Sandbox: Service {
  /// What this instance was told at start.
  public let configuration: SandboxConfiguration
  /// What really happened, whatever was answered.
  public let truth: SandboxTruth

  private let logger: Logger
  private let core: SandboxCore
  private let listening = PortSignal()

  /// Makes an instance that does not listen yet.
  /// - Throws: `SandboxError` when the configuration contradicts itself.
  public convenience init(
    _ configuration: SandboxConfiguration = SandboxConfiguration(),
    logger: Logger? = nil
  ) throws(SandboxError) {
    try self.init(configuration, logger: logger, time: .system)
  }

  init(
    _ configuration: SandboxConfiguration,
    logger: Logger? = nil,
    time: SandboxTime
  ) throws(SandboxError) {
    try configuration.validate()
    var quiet = Logger(label: "codemint.sandbox")
    quiet.logLevel = .warning
    let logger = logger ?? quiet
    self.configuration = configuration
    self.logger = logger
    self.core = SandboxCore(configuration, time: time)
    self.truth = core.truth
  }

  /// The fault plan in force.
  public var faults: FaultPlan { core.dice.plan }

  /// Puts another fault plan in force, with all its counts at the start; an empty one ends misbehaviour.
  /// - Throws: `SandboxError` if the plan asks for something impossible; the old one stays then.
  public func setFaults(_ plan: FaultPlan) throws(SandboxError) {
    try plan.validate()
    core.replace(plan)
  }

  /// Listens and answers until graceful shutdown or cancellation.
  /// - Throws: `SandboxError` if the address cannot be listened on.
  public func run() async throws {
    let application = Application(
      responder: SandboxResponder(core),
      server: .http1(
        configuration: .init(additionalChannelHandlers: [HangUpCloses(), DateRewriter()])
      ),
      configuration: .init(
        address: .hostname(configuration.host, port: configuration.port),
        serverName: "sandbox"
      ),
      onServerRunning: { [listening] channel in
        listening.notify(channel.localAddress?.port ?? 0)
      },
      logger: logger
    )
    do {
      try await application.run()
    } catch let error as IOError {
      let reason = "\(configuration.host):\(configuration.port): \(error)"
      let refusal = SandboxError(code: .cannotListen, reason: reason)
      listening.fail(refusal)
      throw refusal
    } catch {
      listening.fail(error)
      throw error
    }
    listening.fail(CancellationError())
  }

  /// The port that the sandbox listens on, as soon as it does.
  /// - Throws: the error that kept it from listening, or `CancellationError`.
  public func port() async throws -> Int {
    try await listening.wait()
  }
}

/// Lets any number of tasks wait until the server knows its port, or has failed to get one.
final class PortSignal: Sendable {
  private enum State {
    /// Nobody knows yet. Goes to: known.
    case waiting([Int: CheckedContinuation<Int, any Error>], next: Int)
    /// Known for good; the port stays readable after the server ended.
    case known(Result<Int, any Error>)
  }

  private let state = Mutex(State.waiting([:], next: 0))

  func notify(_ port: Int) {
    tell(.success(port))
  }

  func fail(_ error: any Error) {
    tell(.failure(error))
  }

  func wait() async throws -> Int {
    let ticket = state.withLock { state -> Int in
      guard case .waiting(let waiters, let next) = state else { return -1 }
      state = .waiting(waiters, next: next + 1)
      return next
    }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let known = state.withLock { state -> Result<Int, any Error>? in
          switch state {
          case .known(let result):
            return result
          case .waiting(var waiters, let next):
            if Task.isCancelled { return .failure(CancellationError()) }
            waiters[ticket] = continuation
            state = .waiting(waiters, next: next)
            return nil
          }
        }
        if let known { continuation.resume(with: known) }
      }
    } onCancel: {
      let waiter = state.withLock { state -> CheckedContinuation<Int, any Error>? in
        guard case .waiting(var waiters, let next) = state else { return nil }
        let waiter = waiters.removeValue(forKey: ticket)
        state = .waiting(waiters, next: next)
        return waiter
      }
      waiter?.resume(throwing: CancellationError())
    }
  }

  private func tell(_ result: Result<Int, any Error>) {
    let waiters = state.withLock { state -> [CheckedContinuation<Int, any Error>] in
      guard case .waiting(let waiters, _) = state else { return [] }
      state = .known(result)
      return Array(waiters.values)
    }
    for waiter in waiters { waiter.resume(with: result) }
  }
}
