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
    let decision = core.dice.decide(.generate, of: reward)
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
    let total = max(0, wanted.count + decision.surplus)
    func make(_ count: Int) -> Page.Run? {
      guard count > 0 else { return nil }
      let run = core.store.make(count, of: reward, prefix: wanted.prefix, request: number)
      core.log.update(generate: number) { $0.made += Int32(count) }
      return run
    }
    if case .generateLate(let seconds) = decision.ending {
      _ = try await exchange.connection.hungUp(within: nil)
      try await exchange.connection.pause(.seconds(seconds))
      _ = make(total)
      throw NoAnswer()
    }
    var runs: [Page.Run] = []
    let first = (decision.ending?.made ?? .all).count(of: total)
    if let run = make(first) { runs.append(run) }
    rivals(decision, of: reward, prefix: wanted.prefix)
    if case .hang(_, let seconds) = decision.ending {
      let limit = seconds.map { Duration.seconds($0) }
      guard try await !exchange.connection.hungUp(within: limit) else { throw NoAnswer() }
      if let run = make(total - first) { runs.append(run) }
    }
    try await exchange.pause(decision, number: number)
    let page = Page(
      reward: reward,
      runs: runs,
      total: total,
      syncCalls: [],
      moment: runs.last?.batch.born ?? exchange.arrival
    )
    return Answer(201, core.body.generated(page, core.disguise(decision, of: reward)))
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

  private func rivals(_ decision: FaultDecision, of reward: UUIDBits, prefix: String?) {
    for rival in decision.rivals {
      _ = core.store.make(
        rival.count,
        of: reward,
        prefix: rival.prefix.text(like: prefix),
        request: nil
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
