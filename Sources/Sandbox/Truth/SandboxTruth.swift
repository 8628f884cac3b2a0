internal import NIOCore

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

  /// Number of codes that somebody else made while the sandbox ran, who is no client of it.
  public var codesOfSomebodyElse: Int { codesByMaker.somebodyElse }

  /// Number of codes that exist by who had them made.
  public var codesByMaker: CodesByMaker {
    origins(ofReward: nil).reduce(into: CodesByMaker()) { codes, origin in
      let count = Int(origin.batch.count)
      switch origin.batch.maker {
      case .request: codes.requests += count
      case .resent: codes.resent += count
      case .somebodyElse: codes.somebodyElse += count
      case .beforehand: codes.beforehand += count
      }
    }
  }

  /// Number of codes that exist by reward, those made by somebody else included.
  public var codesByReward: [String: Int] {
    Dictionary(
      store.rewardSummaries().map { ($0.id.description, $0.codes) },
      uniquingKeysWith: { first, _ in first }
    )
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
        number: index + 1,
        reward: record.reward.description,
        arrivedAt: record.arrivedAt,
        count: record.count < 0 ? nil : Int(record.count),
        made: Int(record.made),
        status: record.status < 0 ? nil : Int(record.status),
        answer: record.answer,
        faults: Self.names(record.faults)
      )
    }
  }

  /// The latest 65,536 requests to list codes, in order of arrival.
  public func listings() -> [ListRequest] {
    log.listRequests().map {
      ListRequest(
        reward: $0.reward.description,
        arrivedAt: $0.arrivedAt,
        status: $0.status < 0 ? nil : Int($0.status),
        faults: Self.names($0.faults)
      )
    }
  }

  private static func names(_ faults: String?) -> [String] {
    faults?.split(separator: " ").map(String.init) ?? []
  }

  /// Every code of a reward, oldest first.
  public func made(ofReward reward: String) -> [MadeCode] {
    origins(ofReward: reward).flatMap { origin in
      origin.batch.numbers.map { number in
        MadeCode(
          id: store.derivation.id(of: number).description,
          code: origin.prefix + store.derivation.text(of: number),
          maker: origin.batch.maker
        )
      }
    }
  }

  /// Some codes of a reward as the API shows them now, oldest first: a JSON array.
  public func shown(ofReward reward: String, from first: Int, count: Int) -> String {
    guard let id = UUIDBits(reward) else { return "[]" }
    var query = ListQuery()
    (query.offset, query.limit, query.descending) = (first, count, false)
    let page = store.page(of: id, query)
    return String(buffer: AnswerBody(writer: CodeWriter(derivation: store.derivation)).items(page))
  }

  /// The ids of every code of a reward, oldest first.
  public func ids(ofReward reward: String) -> [String] {
    origins(ofReward: reward).flatMap(ids)
  }

  /// What was made, batch by batch, of a reward or of all.
  func origins(ofReward reward: String?) -> [CodeStore.Origin] {
    guard let reward else { return store.origins(of: nil) }
    return UUIDBits(reward).map { store.origins(of: $0) } ?? []
  }

  /// The ids of one batch.
  func ids(of origin: CodeStore.Origin) -> [String] {
    origin.batch.numbers.map { store.derivation.id(of: $0).description }
  }
}

/// A generate request that arrived, and what became of it.
public struct GenerateRequest: Sendable, Hashable {
  /// What the client got to see. That it was sent does not say that it was received.
  public enum Answer: String, Sendable, Hashable {
    /// Not a byte, so far.
    case none
    /// The beginning of an answer.
    case part
    /// A whole HTTP message.
    case whole
  }

  /// Place in the order of arrival, from 1.
  public let number: Int
  /// The reward asked about, a UUID in lower case.
  public let reward: String
  /// When its head had been read: nanoseconds of CLOCK_MONOTONIC, comparable between processes of one
  /// machine.
  public let arrivedAt: UInt64
  /// How many codes it asked for, nil while unread or unreadable.
  public let count: Int?
  /// How many codes came into being for it.
  public let made: Int
  /// The status that it was answered with, nil if with none.
  public let status: Int?
  /// What the client got to see.
  public let answer: Answer
  /// The names of the faults that struck it.
  public let faults: [String]
}

/// A request to list codes that arrived.
public struct ListRequest: Sendable, Hashable {
  /// The reward listed, a UUID in lower case.
  public let reward: String
  /// When its head had been read: nanoseconds of CLOCK_MONOTONIC.
  public let arrivedAt: UInt64
  /// The status that it was answered with, nil if with none.
  public let status: Int?
  /// The names of the faults that struck it.
  public let faults: [String]
}

/// A code that exists, whether or not anybody was told.
public struct MadeCode: Sendable, Hashable {
  /// Its id, a UUID in lower case.
  public let id: String
  /// Its text; treat it as the secret that it is worth.
  public let code: String
  /// Who had it made.
  public let maker: CodeMaker

  /// The request that it was made for, see `GenerateRequest.number`; nil if somebody else made it.
  public var request: Int? { maker.request }
}

/// Numbers of codes by who had them made; see `CodeMaker`.
public struct CodesByMaker: Sendable, Hashable {
  /// Those of requests, shown or not.
  public var requests = 0
  /// Those that requests made once more, unseen, because something on the way had sent them again.
  public var resent = 0
  /// Those that somebody else made while the sandbox ran.
  public var somebodyElse = 0
  /// Those that were there beforehand.
  public var beforehand = 0
}
