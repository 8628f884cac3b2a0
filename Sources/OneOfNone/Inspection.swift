internal import NIOHTTP1
public import Provisioning

/// A request that makes no codes, made to see how the API answers it.
public enum Question: Sendable {
  /// `GET /v1/team`.
  case team
  /// A page of the codes of a reward.
  case list(RewardID, ListQuestion)
  /// A generate request with `count` 0. The reward must be one that does not exist, so that even an API
  /// that takes 0 for another number makes no code that nobody knows.
  case invalidCount(RewardID)
}

/// What a page is asked for.
public struct ListQuestion: Sendable {
  /// How many codes, 1 to 1000.
  public var limit: Int
  /// How many codes come before the page.
  public var offset: Int
  /// `asc` or `desc`; nil leaves it out.
  public var order: String?
  /// What the codes are ordered by; nil leaves it out.
  public var orderBy: String?
  /// Whether the number of all codes is asked for.
  public var counts: Bool

  /// By default the newest codes, as codemint asks for them.
  public init(
    limit: Int,
    offset: Int = 0,
    order: String? = "desc",
    orderBy: String? = "createdAt",
    counts: Bool = false
  ) {
    self.limit = limit
    self.offset = offset
    self.order = order
    self.orderBy = orderBy
    self.counts = counts
  }

  fileprivate var query: String {
    var query = "limit=\(limit)&offset=\(offset)"
    if let order { query += "&order=\(order)" }
    if let orderBy { query += "&order_by=\(orderBy)" }
    return counts ? query + "&include_count=true" : query
  }
}

/// The form of one answer. It has no code and no key in it.
public struct Sight: Sendable {
  /// The status; nil if there was no answer.
  public let status: Int?
  /// Why there was no whole answer.
  public let cause: String?
  /// From sending to the whole answer.
  public let duration: Duration
  /// When the answer was complete, by this machine's clock.
  public let receivedAt: Timestamp
  /// The API's clock, cut to whole seconds (`Date`).
  public let date: Timestamp?
  /// Such as `HTTP/1.1`.
  public let httpVersion: String?
  /// The headers about pace and caches, by their names in small letters.
  public let headers: [String: String]
  /// The pause or the pace that they ask for.
  public let feedback: PaceFeedback?
  /// Requests a second that `RateLimit-Policy` allows.
  public let allowedPerSecond: Double?
  /// The differences from the API's documents, each with how often it was seen.
  public let differences: [ContractDifference: Int]
  /// The API's own error code and message, if this is an error.
  public let error: String?
  /// Whether an error has the form of the documents.
  public let isErrorDocumented: Bool
  /// The page, if this is one.
  public let page: SeenPage?
}

/// The form of a page of codes.
public struct SeenPage: Sendable {
  /// Items, nulls included.
  public let count: Int
  /// Items that are null.
  public let nulls: Int
  /// The ids in the order of the page.
  public let ids: [CodeID]
  /// `createdAt` in the order of the page, where it can be read.
  public let createdAt: [Timestamp]
  /// The forms of `createdAt`: digits behind the point, and the zone as it is written.
  public let forms: Set<TimeText>
  /// Codes by what they have in place of a time: `createdAt null`, `updatedAt missing` and so on.
  public let withheld: [String: Int]
  /// The fields of `pagination`.
  public let pagination: [String]
  /// `total_count` of the pagination.
  public let total: Int?
}

/// How a time is written.
public struct TimeText: Hashable, Sendable {
  /// Digits behind the point.
  public let digits: Int
  /// Whether the seconds are 00.
  public let isWholeMinute: Bool
  /// `Z`, `+05:30`, or empty.
  public let zone: String

  init?(_ text: String) {
    guard Timestamp(rfc3339: text) != nil else { return nil }
    let bytes = Array(text.utf8)
    isWholeMinute = bytes[17..<19].elementsEqual("00".utf8)
    let rest = bytes.dropFirst(19)
    let isPoint = rest.first == UInt8(ascii: ".") || rest.first == UInt8(ascii: ",")
    let fraction = isPoint ? rest.dropFirst().prefix { (0x30...0x39).contains($0) } : []
    digits = fraction.count
    zone = String(decoding: rest.dropFirst(isPoint ? digits + 1 : 0), as: UTF8.self)
  }
}

extension APIClient {
  /// Makes a request that makes no codes, and returns the form of its answer.
  public func inspect(_ question: Question) async -> Sight {
    let start = ContinuousClock.now
    let ending = await ending(of: question)
    let duration = ContinuousClock.now - start
    guard case .reply(let reply) = ending else {
      return Sight(
        status: ending.status,
        cause: ending.description,
        duration: duration,
        receivedAt: .now(),
        date: nil,
        httpVersion: nil,
        headers: [:],
        feedback: nil,
        allowedPerSecond: nil,
        differences: [:],
        error: nil,
        isErrorDocumented: false,
        page: nil
      )
    }
    let said = ErrorBody(status: reply.status, body: reply.body, texts: texts)
    let differences = Contract.differences(reply, question.endpoint, elements: 1000)
    return Sight(
      status: reply.status,
      cause: nil,
      duration: duration,
      receivedAt: reply.receivedAt,
      date: reply.date,
      httpVersion: reply.httpVersion,
      headers: paceHeaders(of: reply),
      feedback: ending.feedback,
      allowedPerSecond: RateLimitFields.rate(
        policies: reply.headers[canonicalForm: "ratelimit-policy"].map(String.init)
      ),
      differences: differences,
      error: reply.status >= 300 ? "\(said.code): \(said.message)" : nil,
      isErrorDocumented: !differences.keys.contains { $0.kind != .status },
      page: reply.status == 200 ? SeenPage(reply.body) : nil
    )
  }

  private func ending(of question: Question) async -> Ending {
    switch question {
    case .team:
      return await ending(of: request(.GET, "/v1/team"), .team)
    case .list(let reward, let list):
      return await ending(of: request(.GET, "/v1/rewards/\(reward)/codes?\(list.query)"), .list)
    case .invalidCount(let reward):
      var request = request(.POST, "/v1/rewards/\(reward)/codes/generate")
      request.headers.add(name: "content-type", value: "application/json")
      request.body = .bytes(Array(#"{"count":0}"#.utf8), length: .known(Int64(11)))
      return await ending(of: request, .generate)
    }
  }

  private func paceHeaders(of reply: Reply) -> [String: String] {
    var found: [String: String] = [:]
    for (name, value) in reply.headers {
      let name = name.lowercased()
      guard
        name.hasPrefix("ratelimit") || name.hasPrefix("x-ratelimit")
          || ["retry-after", "age"].contains(name)
      else { continue }
      found[name] = [found[name], texts.clean(value, limit: 100)].compactMap(\.self)
        .joined(separator: ", ")
    }
    return found
  }
}

extension Question {
  fileprivate var endpoint: Contract.Endpoint {
    switch self {
    case .team: .team
    case .list: .list
    case .invalidCount: .generate
    }
  }
}

extension SeenPage {
  /// Reads a page; nil if the body is none.
  fileprivate init?(_ body: [UInt8]) {
    guard let tree = try? JSONTree.read(body, elements: 1000), let data = tree["data"],
      case .array(let items, let count) = data
    else { return nil }
    self.count = count
    nulls = items.count { if case .null = $0 { true } else { false } }
    let codes = items.filter { if case .object = $0 { true } else { false } }
    ids = codes.compactMap { $0["id"]?.text.flatMap { UniqueID($0) }.map(CodeID.init) }
    let times = codes.compactMap { $0["createdAt"]?.text }
    createdAt = times.compactMap { Timestamp(rfc3339: $0) }
    forms = Set(times.compactMap(TimeText.init))
    var withheld: [String: Int] = [:]
    for code in codes {
      for field in ["createdAt", "updatedAt"] {
        switch code[field] {
        case nil: withheld["\(field) missing", default: 0] += 1
        case .null: withheld["\(field) null", default: 0] += 1
        default: break
        }
      }
    }
    self.withheld = withheld
    var names: [String] = []
    if case .object(let fields) = tree["pagination"] { names = fields.map(\.name) }
    pagination = names.sorted()
    total =
      ["total_count", "totalCount", "total"].lazy.compactMap { name -> Int? in
        guard case .number(let text) = tree["pagination"]?[name] else { return nil }
        return Int(text)
      }.first
  }
}
