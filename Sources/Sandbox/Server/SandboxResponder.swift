internal import HTTPTypes
internal import Hummingbird

/// Answers every request: finds out what it asks, notes its arrival, lets the fault plan decide about it,
/// and has it carried out.
struct SandboxResponder: HTTPResponder {
  private let core: SandboxCore
  private let generate: GenerateCall
  private let list: ListCall
  private let small: SmallCalls
  private let admin: AdminSurface

  init(_ core: SandboxCore) {
    self.core = core
    generate = GenerateCall(core)
    list = ListCall(core)
    small = SmallCalls(core)
    admin = AdminSurface(core)
  }

  func respond(to request: Request, context: SandboxContext) async throws -> Response {
    let arrival = core.time.monotonic()
    let exchange = Exchange(
      core: core,
      request: request,
      connection: Connection(channel: context.channel, time: core.time),
      arrival: arrival
    )
    let route: Route
    do {
      route = try Route(method: request.method.rawValue, path: request.uri.path)
    } catch {
      return Answer(error).response
    }
    switch route {
    case .generate(let reward): return try await generate.respond(exchange, reward)
    case .list(let reward): return try await list.respond(exchange, reward)
    case .sync(let reward): return try await small.sync(exchange, reward)
    case .rewards: return try await small.rewards(exchange)
    case .team: return try await small.team(exchange)
    case .truth: return admin.truth(request)
    case .requests: return admin.requests()
    case .showFaults: return admin.faults()
    case .setFaults: return await admin.setFaults(exchange)
    case .clearFaults: return admin.clearFaults()
    }
  }
}
