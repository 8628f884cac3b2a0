internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

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

/// What all calls of one sandbox share.
struct SandboxCore: Sendable {
  let key: String?
  let latency: LatencyDice
  let limit: RateLimit?
  let store: CodeStore
  let log: RequestLog
  let dice: FaultDice
  let time: SandboxTime
  let memory = Memory()
  let collapses = Pairs()
  let swaps = Pairs()

  init(_ configuration: SandboxConfiguration, time: SandboxTime) {
    key = configuration.apiKey?.text
    latency = LatencyDice(configuration.latency, seed: configuration.seed)
    limit = configuration.requestsPerSecond.map(RateLimit.init)
    store = CodeStore(configuration, time: time)
    log = RequestLog()
    dice = FaultDice(configuration.faults, seed: configuration.seed, at: time.monotonic())
    self.time = time
  }

  var truth: SandboxTruth { SandboxTruth(store: store, log: log) }

  /// Puts another plan in force. What the old one has brought about and goes on by itself ends.
  func replace(_ plan: FaultPlan) {
    store.endStreams()
    memory.forgetListings()
    dice.replace(plan, at: time.monotonic())
  }

  /// Lets the plan see a reward that is asked about, and have it the codes that it always had.
  func meet(_ reward: UUIDBits, at moment: UInt64) {
    guard store.exists(reward), let decision = dice.meet(reward, at: moment) else { return }
    for old in decision.old {
      store.addOld(old.count, of: reward, age: .seconds(old.days * 86_400), prefix: old.prefix)
    }
    for stream in decision.streams {
      store.beginStream(of: reward, every: .seconds(stream.seconds), prefix: stream.prefix)
    }
  }

  /// Writes answers that show codes in this form.
  func body(_ look: Look = Look()) -> AnswerBody {
    AnswerBody(writer: CodeWriter(derivation: store.derivation, look: look))
  }

  /// How the codes in an answer are to be shown, nil for as they are.
  /// - Parameter older: codes of the reward that were there before, for faults that show them.
  func disguise(_ decision: FaultDecision, of reward: UUIDBits, older: Page? = nil) -> Disguise? {
    guard decision.changes != FaultDecision.Changes() else { return nil }
    let strangers = decision.changes.foreign + decision.changes.foreignInstead
    return Disguise(
      changes: decision.changes,
      foreign: strangers > 0 ? store.foreignCodes(strangers, otherThan: reward) : nil,
      older: older
    )
  }
}

/// What the server hands over beside a request: the connection, which faults reset or watch.
struct SandboxContext: InitializableFromSource {
  let channel: any Channel

  init(source: ApplicationRequestContextSource) {
    channel = source.channel
  }
}

/// What a request line asks for.
enum Route: Sendable, Equatable {
  case generate(UUIDBits)
  case list(UUIDBits)
  case sync(UUIDBits)
  case rewards
  case team
  case truth
  case requests
  case showFaults
  case setFaults
  case clearFaults

  /// Reads a method and a path without its query.
  /// - Throws: 404 for an unknown path, 405 for a wrong method, 400 for a reward id that is no UUID.
  init(method: String, path: String) throws(Refusal) {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count >= 3, parts[0].isEmpty else { throw .unknownPath }
    let expected: String
    switch (parts[1], parts[2], parts.dropFirst(4).joined(separator: "/")) {
    case ("v1", "team", "") where parts.count == 3: (expected, self) = ("GET", .team)
    case ("v1", "rewards", "") where parts.count == 3: (expected, self) = ("GET", .rewards)
    case ("v1", "rewards", "codes/generate"):
      (expected, self) = ("POST", .generate(try Self.reward(parts[3])))
    case ("v1", "rewards", "codes"): (expected, self) = ("GET", .list(try Self.reward(parts[3])))
    case ("v1", "rewards", "sync"): (expected, self) = ("POST", .sync(try Self.reward(parts[3])))
    case ("sandbox", "truth", "") where parts.count == 3: (expected, self) = ("GET", .truth)
    case ("sandbox", "requests", "") where parts.count == 3: (expected, self) = ("GET", .requests)
    case ("sandbox", "faults", "") where parts.count == 3:
      guard let route = Self.ofFaults[method] else { throw .wrongMethod }
      (expected, self) = (method, route)
    default: throw .unknownPath
    }
    guard method == expected else { throw .wrongMethod }
  }

  private static let ofFaults: [String: Route] = [
    "GET": .showFaults, "PUT": .setFaults, "DELETE": .clearFaults,
  ]

  private static func reward(_ text: String) throws(Refusal) -> UUIDBits {
    guard let reward = UUIDBits(text) else {
      throw .invalid("the reward's id is not a UUID", field: "id")
    }
    return reward
  }
}
