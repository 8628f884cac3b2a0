/// What a sandbox really did, whatever it answered. Each query is a consistent picture of one moment.
public struct SandboxTruth: Sendable {
  private let store: CodeStore
  private let log: RequestLog

  init(store: CodeStore, log: RequestLog) {
    self.store = store
    self.log = log
  }

  /// Number of codes that exist, those made by somebody else included.
  public var codes: Int { codesByReward.values.reduce(0, +) }

  /// Number of codes that somebody else made, who is no client of this sandbox.
  public var codesOfSomebodyElse: Int {
    var count = 0
    store.forEachBatch(of: nil) { _, batch, _ in
      if batch.request < 0 { count += Int(batch.count) }
    }
    return count
  }

  /// Number of codes that exist by reward, those made by somebody else included.
  public var codesByReward: [String: Int] {
    Dictionary(
      store.rewardSummaries().map { ($0.id.description, $0.codes) },
      uniquingKeysWith: { first, _ in first })
  }

  /// Number of generate requests that arrived, refused ones included.
  public var generateRequests: Int { log.generateCount }

  /// Number of requests to list codes that arrived.
  public var listRequests: Int { log.listCount }

  /// Number of requests to sync a reward again that arrived.
  public var syncRequests: Int { log.count(of: .sync) }

  /// When each generate request arrived, in that order: nanoseconds of CLOCK_MONOTONIC.
  public func arrivals() -> [UInt64] {
    log.generateRequests().map(\.arrivedAt)
  }

  /// Every generate request, in order of arrival.
  public func requests() -> [GenerateRequest] {
    log.generateRequests().enumerated().map { index, record in
      GenerateRequest(
        number: index + 1, reward: record.reward.description, arrivedAt: record.arrivedAt,
        count: record.count < 0 ? nil : Int(record.count), made: Int(record.made),
        status: record.status < 0 ? nil : Int(record.status), answer: record.answer,
        faults: Self.names(record.faults))
    }
  }

  /// The latest 65,536 requests to list codes, in order of arrival.
  public func listings() -> [ListRequest] {
    log.listRequests().map {
      ListRequest(
        reward: $0.reward.description, arrivedAt: $0.arrivedAt,
        status: $0.status < 0 ? nil : Int($0.status), faults: Self.names($0.faults))
    }
  }

  private static func names(_ faults: String?) -> [String] {
    faults?.split(separator: " ").map(String.init) ?? []
  }

  /// Every code of a reward, oldest first.
  public func made(ofReward reward: String) -> [MadeCode] {
    var made: [MadeCode] = []
    forEachCode(ofReward: reward) { _, code in made.append(code) }
    return made
  }

  /// The ids of every code of a reward, oldest first.
  public func ids(ofReward reward: String) -> [String] {
    made(ofReward: reward).map(\.id)
  }

  /// Calls `body` with the reward and each of its codes, oldest first; of all rewards for nil.
  public func forEachCode(ofReward reward: String? = nil, _ body: (String, MadeCode) -> Void) {
    let wanted = reward.flatMap { UUIDBits($0) }
    if reward != nil, wanted == nil { return }
    let derivation = store.derivation
    store.forEachBatch(of: wanted) { reward, batch, prefix in
      let name = reward.description
      for number in batch.numbers {
        let code = MadeCode(
          id: derivation.id(of: number).description,
          code: prefix + derivation.text(of: number),
          request: batch.request < 0 ? nil : batch.request)
        body(name, code)
      }
    }
  }
}
