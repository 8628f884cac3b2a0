internal import Hummingbird

/// The calls that say little: sync again, rewards, team.
struct SmallCalls: Sendable {
  private let core: SandboxCore

  init(_ core: SandboxCore) {
    self.core = core
  }

  /// `POST /v1/rewards/{id}/sync?system=`
  func sync(_ exchange: Exchange, _ reward: UUIDBits) async throws -> Response {
    try await respond(exchange, .sync, core.dice.decide(.sync, of: reward, at: exchange.arrival)) {
      guard let system = try exchange.query.word("system", SyncShape.System.self) else {
        throw Refusal.invalid("system must be shopify or stripe", field: "system")
      }
      guard try await exchange.collect().readableBytes == 0 else {
        throw Refusal.invalid("this call takes no body")
      }
      guard core.store.exists(reward) else { throw Refusal.unknownReward }
      return { Answer(200, core.body().reward(core.store.retrySync(of: reward, in: system))) }
    }
  }

  /// `GET /v1/rewards`
  func rewards(_ exchange: Exchange) async throws -> Response {
    try await respond(exchange, .rewards, core.dice.decide(.rewards, at: exchange.arrival)) {
      let limit = try exchange.query.integer("limit", in: 1...1000) ?? 100
      let offset = try exchange.query.integer("offset", in: 0...Int.max) ?? 0
      return {
        Answer(200, core.body().rewards(core.store.rewardSummaries(), limit: limit, offset: offset))
      }
    }
  }

  /// `GET /v1/team`
  func team(_ exchange: Exchange) async throws -> Response {
    try await respond(exchange, .team, core.dice.decide(.team, at: exchange.arrival)) {
      { Answer(200, core.body().team()) }
    }
  }

  /// - Parameter check: checks the request, and returns how to carry it out.
  private func respond(
    _ exchange: Exchange,
    _ kind: RequestLog.Counted,
    _ decision: FaultDecision,
    _ check: () async throws -> () -> Answer
  ) async throws -> Response {
    let number = core.log.arrived(kind)
    return try await exchange.answered(decision) { _ in
    } _: {
      let carryOut = try await check()
      try await exchange.pause(decision, number: number)
      try await exchange.hang(decision)
      let answer = carryOut()
      try await exchange.pause(decision, number: number)
      return answer
    }
  }
}
