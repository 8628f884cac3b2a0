internal import FoundationEssentials
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// `POST /v1/rewards/{id}/codes/generate`
struct GenerateCall: Sendable {
  private let core: SandboxCore

  init(_ core: SandboxCore) {
    self.core = core
  }

  func respond(_ exchange: Exchange, _ reward: UUIDBits) async throws -> Response {
    let number = core.log.generateArrived(reward, at: exchange.arrival)
    core.meet(reward, at: exchange.arrival)
    let decision = core.dice.decide(.generate, of: reward, at: exchange.arrival)
    if !decision.names.isEmpty {
      core.log.update(generate: number) { $0.faults = decision.names.joined(separator: " ") }
    }
    let log = core.log
    return try await exchange.answered(decision) { ending in
      log.update(generate: number) {
        $0.status = Int16(ending.status)
        $0.answer = ending.answer
      }
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
    let wanted = try await wanted(exchange, reward, number: number)
    try await exchange.pause(decision, number: number)
    if let page = core.collapses.waiting(for: reward) {
      return answer(page, decision, of: reward, older: nil)
    }
    let previous = decision.replaysAndMakes == nil ? nil : core.memory.previous(of: reward)
    let older = older(decision, of: reward)
    let asked =
      wanted.count + decision.surplus + max(0, decision.changes.older - (older?.count ?? 0))
    let total = previous != nil && decision.replaysAndMakes == false ? 0 : max(0, asked)
    let order = Order(
      total: total,
      reward: reward,
      prefix: decision.prefix.text(of: wanted.prefix),
      number: number
    )
    for _ in 0..<decision.resent { _ = make(total, of: order, by: .resent(number)) }
    let runs = try await made(order, exchange, decision)
    let page = Page(
      reward: reward,
      runs: runs,
      total: total,
      syncCalls: [],
      moment: runs.last?.batch.born ?? exchange.arrival
    )
    try await exchange.pause(decision, number: number)
    if let previous { return answer(previous, decision, of: reward, older: older) }
    if decision.ending == nil { core.memory.remember(page, of: reward) }
    if let seconds = decision.collapses {
      try await core.collapses.hold(page, .seconds(seconds), exchange.connection)
    }
    let shown = try await core.swaps.exchange(
      page,
      within: decision.swaps.map { .seconds($0.seconds) },
      across: decision.swaps?.across ?? false,
      exchange.connection
    )
    return answer(shown, decision, of: reward, older: older)
  }

  private func answer(
    _ page: Page,
    _ decision: FaultDecision,
    of reward: UUIDBits,
    older: Page?
  ) -> Answer {
    let disguise = core.disguise(decision, of: reward, older: older)
    return Answer(201, core.body(decision.look).generated(page, disguise))
  }

  /// What a request has made, as the faults have it.
  private struct Order {
    let total: Int
    let reward: UUIDBits
    let prefix: String?
    let number: Int
  }

  /// Makes the codes when the fault that decides the ending wants it.
  /// - Throws: `NoAnswer` if there is nobody to answer, or there is to be no answer.
  private func made(
    _ order: Order,
    _ exchange: Exchange,
    _ decision: FaultDecision
  ) async throws -> [Page.Run] {
    let connection = exchange.connection
    switch decision.ending {
    case .generateLate(let seconds):
      _ = try await connection.hungUp(within: nil)
      try await connection.pause(.seconds(seconds))
      _ = make(order.total, of: order, by: .request(order.number))
      throw NoAnswer()
    case .slow(let seconds, let answer):
      try await connection.pause(.seconds(seconds))
      let runs = make(order.total, of: order, by: .request(order.number))
      rivals(decision, order)
      let hungUp = try await connection.hungUp(within: answer.map { .seconds($0) })
      if hungUp { throw NoAnswer() }
      return runs
    case .hang(let made, let seconds):
      let first = made.count(of: order.total)
      let runs = make(first, of: order, by: .request(order.number))
      rivals(decision, order)
      let hungUp = try await connection.hungUp(within: seconds.map { .seconds($0) })
      if hungUp { throw NoAnswer() }
      return runs + make(order.total - first, of: order, by: .request(order.number))
    case .status, .reset, .cut, .html, .drip, .flood, nil:
      let count = (decision.ending?.made ?? .all).count(of: order.total)
      let runs = make(count, of: order, by: .request(order.number))
      rivals(decision, order)
      return runs
    case .latency, .headers, .nulls, .short, .long, .doubled, .foreign, .unknownValues,
      .extraFields, .nulCharacter, .order, .stale, .shortPage, .somebodyElse, .prefix, .texts,
      .times, .withheld, .date, .cached, .hidden, .replayed, .collapsed, .swapped, .older, .resent,
      .old, .stream:
      preconditionFailure("an addition is no ending")
    }
  }

  private func make(_ count: Int, of order: Order, by maker: CodeMaker) -> [Page.Run] {
    guard count > 0 else { return [] }
    let run = core.store.make(count, of: order.reward, prefix: order.prefix, by: maker)
    core.log.update(generate: order.number) { $0.made += Int32(count) }
    return [run]
  }

  /// The newest codes that the reward has before this request, as many as are to be shown.
  private func older(_ decision: FaultDecision, of reward: UUIDBits) -> Page? {
    let count = decision.changes.older + decision.changes.olderInstead
    return count > 0 ? core.store.page(of: reward, ListQuery(limit: count)) : nil
  }

  private func wanted(
    _ exchange: Exchange,
    _ reward: UUIDBits,
    number: Int
  ) async throws -> GenerateBody {
    let type = exchange.request.headers[.contentType]
    guard type?.lowercased().hasPrefix("application/json") == true else {
      throw Refusal.invalid("content-type must be application/json")
    }
    let wanted = try GenerateBody(try await exchange.collect())
    core.log.update(generate: number) { $0.count = Int32(wanted.count) }
    guard core.store.exists(reward) else { throw Refusal.unknownReward }
    return wanted
  }

  private func rivals(_ decision: FaultDecision, _ order: Order) {
    for rival in decision.rivals {
      _ = core.store.make(
        rival.count,
        of: order.reward,
        prefix: rival.prefix.text(like: order.prefix),
        by: .somebodyElse
      )
    }
  }
}

/// The body of a generate request, read as strictly as the contract words it: no other keys, `count` an
/// integer of 1 to 500, `prefix` a string of 1 to 32 characters if it is there at all.
struct GenerateBody: Decodable, Equatable {
  let count: Int
  let prefix: String?

  private struct Key: CodingKey {
    let stringValue: String
    let intValue: Int? = nil
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  init(_ buffer: ByteBuffer) throws(Refusal) {
    do {
      self = try JSONDecoder().decode(GenerateBody.self, from: Data(buffer.readableBytesView))
    } catch let refusal as Refusal {
      throw refusal
    } catch {
      throw .invalid("the body is not a JSON object")
    }
  }

  init(from decoder: any Decoder) throws {
    let object = try decoder.container(keyedBy: Key.self)
    let known = ["count", "prefix"]
    if let extra = object.allKeys.map(\.stringValue).filter({ !known.contains($0) }).min() {
      throw Refusal.invalid("the body has a key that is not allowed", field: extra)
    }
    guard let count = try? object.decode(Int.self, forKey: Key(stringValue: "count")),
      (1...500).contains(count)
    else {
      throw Refusal.invalid("count must be an integer of 1 to 500", field: "count")
    }
    self.count = count
    guard object.contains(Key(stringValue: "prefix")) else {
      prefix = nil
      return
    }
    // JSON Schema counts code points, not characters as Swift sees them.
    guard let prefix = try? object.decode(String.self, forKey: Key(stringValue: "prefix")),
      (1...32).contains(prefix.unicodeScalars.count)
    else {
      throw Refusal.invalid("prefix must be a string of 1 to 32 characters", field: "prefix")
    }
    self.prefix = prefix
  }
}
