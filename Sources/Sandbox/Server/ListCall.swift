internal import Hummingbird

/// `GET /v1/rewards/{id}/codes`
struct ListCall: Sendable {
  private let core: SandboxCore

  init(_ core: SandboxCore) {
    self.core = core
  }

  func respond(_ exchange: Exchange, _ reward: UUIDBits) async throws -> Response {
    let number = core.log.listArrived(reward, at: exchange.arrival)
    core.meet(reward, at: exchange.arrival)
    let decision = core.dice.decide(.list, of: reward, at: exchange.arrival)
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
      _ = core.store.make(rival.count, of: reward, prefix: prefix, by: .somebodyElse)
    }
    if let cache = decision.cache, let kept = kept(exchange, cache.seconds) {
      try await exchange.pause(decision, number: number)
      var answer = Answer(200, kept.body)
      answer.age = .nanoseconds(Int64(core.time.monotonic() - kept.moment))
      if cache.age { answer.set(["Age": String(answer.age.components.seconds)]) }
      return answer
    }
    let read = core.time.monotonic()
    let page = core.store.page(of: reward, bent(query, decision), at: moment(decision))
    try await exchange.pause(decision, number: number)
    let disguise = core.disguise(decision, of: reward)
    var answer = Answer(200, core.body(decision.look).listed(page, query, disguise))
    if decision.cache != nil {
      core.memory.keep(answer.body, for: exchange.request.uri.string, at: read)
    }
    if decision.tellsAge { answer.set(["Age": String(Int(decision.stale.rounded(.up)))]) }
    return answer
  }

  /// The answer that a cache has to the same query.
  private func kept(_ exchange: Exchange, _ seconds: Double) -> Memory.Kept? {
    core.memory.listing(
      exchange.request.uri.string,
      at: core.time.monotonic(),
      youngerThan: Duration.seconds(seconds).nanoseconds
    )
  }

  /// The query as the faults bend it; the answer's pagination speaks of the one that was asked.
  private func bent(_ query: ListQuery, _ decision: FaultDecision) -> ListQuery {
    var bent = query
    if let limit = decision.pageLimit { bent.limit = min(limit, query.limit) }
    switch decision.order {
    case .ascending: bent.descending = false
    case .descending: bent.descending = true
    case .making: (bent.descending, bent.key) = (true, .createdAt)
    case .shuffled: bent.arrangement = .shuffled(core.dice.listingKey)
    case .ids: bent.arrangement = .ids
    case nil: break
    }
    if let (share, status) = decision.hides {
      bent.hiding = Hiding(share: Share(share), status: status, seed: core.dice.listingKey)
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
