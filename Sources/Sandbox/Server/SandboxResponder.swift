internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// Answers every request: finds out what it asks, notes its arrival, checks the key, and carries it out.
struct SandboxResponder: HTTPResponder {
  private static let keyHeader = HTTPField.Name("x-api-key")

  private let key: String?
  private let latency: LatencyDice
  private let store: CodeStore
  private let log: RequestLog
  private let time: SandboxTime
  private let body: AnswerBody
  private let admin: AdminSurface

  init(
    configuration: SandboxConfiguration, store: CodeStore, log: RequestLog, time: SandboxTime
  ) {
    self.key = configuration.apiKey?.text
    self.latency = LatencyDice(configuration.latency, seed: configuration.seed)
    self.store = store
    self.log = log
    self.time = time
    self.body = AnswerBody(writer: CodeWriter(derivation: store.derivation))
    self.admin = AdminSurface(store: store, log: log)
  }

  func respond(to request: Request, context: SandboxContext) async throws -> Response {
    let arrival = time.monotonic()
    let route: Route
    do {
      route = try Route(method: request.method.rawValue, path: request.uri.path)
    } catch {
      return Answer(error).response
    }
    switch route {
    case .truth: return admin.truth(request)
    case .requests: return admin.requests()
    case .generate(let reward):
      let number = log.generateArrived(reward, at: arrival)
      let answer = await answering { () async throws -> Answer in
        try await generate(request, of: reward, number: number)
      }
      log.update(generate: number) {
        $0.status = Int16(answer.status)
        $0.answer = .whole
      }
      return answer.response
    case .list(let reward):
      let number = log.listArrived(reward, at: arrival)
      let answer = await answering { () async throws -> Answer in
        try await list(request, of: reward, number: number)
      }
      log.answered(list: number, status: answer.status)
      return answer.response
    case .sync(let reward):
      let number = log.arrived(.sync)
      return await answering { () async throws -> Answer in
        try await sync(request, of: reward, number: number)
      }.response
    case .rewards:
      let number = log.arrived(.rewards)
      return await answering { () async throws -> Answer in
        try await rewards(request, number: number)
      }.response
    case .team:
      let number = log.arrived(.team)
      return await answering { () async throws -> Answer in
        try authorize(request)
        try await pause(number)
        return Answer(200, body.team())
      }.response
    }
  }

  private func generate(
    _ request: Request, of reward: UUIDBits, number: Int
  ) async throws -> Answer {
    try authorize(request)
    guard request.headers[.contentType]?.hasPrefix("application/json") == true else {
      throw Refusal.invalid("content-type must be application/json")
    }
    let wanted = try GenerateBody(try await collect(request))
    log.update(generate: number) { $0.count = Int32(wanted.count) }
    guard store.exists(reward) else { throw Refusal.unknownReward }
    let pause = latency.pause(of: number)
    if pause > .zero { try await time.sleep(pause / 2) }
    let run = store.make(wanted.count, of: reward, prefix: wanted.prefix, request: number)
    log.update(generate: number) { $0.made = Int32(wanted.count) }
    if pause > .zero { try await time.sleep(pause / 2) }
    return Answer(201, body.generated(run, of: reward, at: run.batch.born))
  }

  private func list(_ request: Request, of reward: UUIDBits, number: Int) async throws -> Answer {
    try authorize(request)
    let query = try ListQuery(query(of: request))
    guard store.exists(reward) else { throw Refusal.unknownReward }
    try await pause(number)
    return Answer(200, body.listed(store.page(of: reward, query), query))
  }

  private func sync(_ request: Request, of reward: UUIDBits, number: Int) async throws -> Answer {
    try authorize(request)
    guard let system = try query(of: request).word("system", SyncShape.System.self) else {
      throw Refusal.invalid("system must be shopify or stripe", field: "system")
    }
    guard try await collect(request).readableBytes == 0 else {
      throw Refusal.invalid("this call takes no body")
    }
    guard store.exists(reward) else { throw Refusal.unknownReward }
    try await pause(number)
    return Answer(200, body.reward(store.retrySync(of: reward, in: system)))
  }

  private func rewards(_ request: Request, number: Int) async throws -> Answer {
    try authorize(request)
    let query = query(of: request)
    let limit = try query.integer("limit", in: 1...1000) ?? 100
    let offset = try query.integer("offset", in: 0...Int.max) ?? 0
    try await pause(number)
    return Answer(200, body.rewards(store.rewardSummaries(), limit: limit, offset: offset))
  }

  private func authorize(_ request: Request) throws(Refusal) {
    guard let key else { return }
    guard let header = Self.keyHeader, request.headers[header] == key else { throw .unauthorized }
  }

  private func pause(_ number: Int) async throws {
    let pause = latency.pause(of: number)
    if pause > .zero { try await time.sleep(pause) }
  }

  private func query(of request: Request) -> QueryText {
    QueryText(
      request.uri.queryParameters.lazy.map { (name: String($0.key), value: String($0.value)) })
  }

  private func collect(_ request: Request) async throws -> ByteBuffer {
    do {
      return try await request.body.collect(upTo: 64 * 1024)
    } catch is NIOTooManyBytesError {
      throw Refusal.tooLarge
    }
  }

  /// Turns what an endpoint throws into its answer.
  private func answering(_ carryOut: () async throws -> Answer) async -> Answer {
    do {
      return try await carryOut()
    } catch let refusal as Refusal {
      return Answer(refusal)
    } catch {
      return Answer(
        Refusal(status: 503, code: "stopping", message: "the sandbox is stopping"))
    }
  }
}
