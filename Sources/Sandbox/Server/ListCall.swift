internal import Hummingbird

/// `GET /v1/rewards/{id}/codes`
struct ListCall: Sendable {
  private let core: SandboxCore

  init(_ core: SandboxCore) {
    self.core = core
  }

  func respond(_ exchange: Exchange, _ reward: UUIDBits) async throws -> Response {
    let number = core.log.listArrived(reward, at: exchange.arrival)
    let decision = core.dice.decide(.list, of: reward)
    if !decision.names.isEmpty {
      core.log.update(list: number) { $0.faults = decision.names.joined(separator: " ") }
    }
    let log = core.log
    return try await exchange.answered(decision) { ending in
      log.update(list: number) { $0.status = Int16(ending.status) }
    } _: {
      try await carryOut(exchange, reward, number: number, decision)
    }
  }

  private func carryOut(
    _ exchange: Exchange,
    _ reward: UUIDBits,
    number: Int,
    _ decision: FaultDecision
  ) async throws -> Answer {
    let query = try ListQuery(exchange.query)
    guard core.store.exists(reward) else { throw Refusal.unknownReward }
    try await exchange.pause(decision, number: number)
    try await exchange.hang(decision)
    for rival in decision.rivals {
      let prefix = rival.prefix.text(like: core.store.newestPrefix(of: reward))
      _ = core.store.make(rival.count, of: reward, prefix: prefix, request: nil)
    }
    let page = core.store.page(
      of: reward,
      bent(query, decision),
      at: moment(decision)
    )
    try await exchange.pause(decision, number: number)
    var answer = Answer(200, core.body.listed(page, query, core.disguise(decision, of: reward)))
    if decision.tellsAge { answer.set(["Age": String(Int(decision.stale.rounded(.up)))]) }
    return answer
  }

  /// The query as the faults bend it; the answer's pagination speaks of the one that was asked.
  private func bent(_ query: ListQuery, _ decision: FaultDecision) -> ListQuery {
    var bent = query
    if let limit = decision.pageLimit { bent.limit = min(limit, query.limit) }
    switch decision.order {
    case .ascending: bent.descending = false
    case .descending: bent.descending = true
    case .making: (bent.descending, bent.key) = (true, .createdAt)
    case .shuffled: bent.shuffle = core.dice.shuffleKey
    case nil: break
    }
    return bent
  }

  private func moment(_ decision: FaultDecision) -> UInt64? {
    guard decision.stale > 0 else { return nil }
    let now = core.time.monotonic()
    let age = Duration.seconds(decision.stale).nanoseconds
    return now > age ? now - age : 0
  }
}
