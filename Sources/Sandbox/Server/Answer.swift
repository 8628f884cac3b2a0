internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// An answer that is ready to go out.
struct Answer: Sendable {
  var status: Int
  var headers: HTTPFields = [.contentType: "application/json; charset=utf-8"]
  var body: ByteBuffer
  /// How long a cache has had it.
  var age = Duration.zero

  init(_ status: Int, _ body: ByteBuffer) {
    self.status = status
    self.body = body
    set([Self.standInHeader: "codemint sandbox"])
  }

  /// Says in each answer that no code in it is real, wherever the stand-in is reached. codemint's client looks for
  /// it.
  static let standInHeader = "codemint-stand-in"

  init(_ refusal: Refusal) {
    self.init(refusal.status, ByteBuffer(string: refusal.json))
    set(refusal.headers)
  }

  /// The answer as the server sends it: head and body in one write.
  var response: Response {
    Response(
      status: HTTPResponse.Status(code: status),
      headers: headers,
      body: ResponseBody(byteBuffer: body)
    )
  }

  /// Sets headers; names that HTTP does not allow were refused with the plan.
  mutating func set(_ headers: [String: String]) {
    for (name, value) in headers {
      guard let name = HTTPField.Name(name) else { continue }
      self.headers[name] = value
    }
  }

  /// Has another `Date` than now: what a cache's origin said, or what a fault wants.
  /// - Parameter now: microseconds since 1970, by the clock of the `Date` header.
  mutating func setDate(_ fault: (offset: Double, missing: Bool)?, now: Int64) {
    guard let name = DateRewriter.header, fault != nil || age > .zero else { return }
    let moment = now - age.microseconds + Int64((fault?.offset ?? 0) * 1e6)
    headers[name] = fault?.missing == true ? "" : Calendar(microseconds: moment).imfFixdate
  }

  /// Puts on what a fault answers with instead of the truth.
  /// - Parameters:
  ///   - now: microseconds since 1970, by the clock of the `Date` header.
  ///   - path: path and query of the request; a redirect without a `Location` of its own leads back there.
  mutating func put(on ending: Fault?, now: Int64, path: String) {
    switch ending {
    case .status(let status, _, let retryAfter, let headers):
      put(on: status, path: path)
      if let retryAfter { self.headers[.retryAfter] = retryAfter.text(now: now) }
      set(headers)
    case .html(let status, _):
      self.status = status
      headers[.contentType] = "text/html; charset=utf-8"
      body = ByteBuffer(
        string: "<!doctype html><html><head><title>One moment</title></head>"
          + "<body><h1>We will be right back</h1></body></html>\n"
      )
    default:
      break
    }
  }

  private mutating func put(on status: Int, path: String) {
    self.status = status
    switch status {
    case 204, 205, 304:
      body = ByteBuffer()
      headers[.contentType] = nil
    case ..<300:
      break
    default:
      let refusal = Refusal(
        status: status,
        code: "status_\(status)",
        message: "the fault plan asks for this answer"
      )
      body = ByteBuffer(string: refusal.json)
      if (301...308).contains(status) { headers[.location] = path }
    }
  }
}

/// An answer that says no, in the API's own form `{message, code, details?}`.
struct Refusal: Error, Sendable {
  let status: Int
  let code: String
  let message: String
  var details: [String: String] = [:]
  var headers: [String: String] = [:]

  static func invalid(_ message: String, field: String? = nil) -> Refusal {
    Refusal(
      status: 400,
      code: "invalid_request",
      message: message,
      details: field.map { ["field": $0] } ?? [:]
    )
  }

  static let unauthorized = Refusal(
    status: 401,
    code: "unauthorized",
    message: "x-api-key is missing or wrong"
  )
  static let unknownReward = Refusal(
    status: 404,
    code: "reward_not_found",
    message: "there is no reward with this id"
  )
  static let unknownPath = Refusal(
    status: 404,
    code: "not_found",
    message: "there is nothing at this path"
  )
  static let wrongMethod = Refusal(
    status: 405,
    code: "method_not_allowed",
    message: "this path does not take this method"
  )
  static let tooLarge = Refusal(
    status: 413,
    code: "payload_too_large",
    message: "the body is larger than 64 KiB"
  )

  static let tooManyRequests = Refusal(
    status: 429,
    code: "rate_limited",
    message: "too many requests in one second",
    headers: ["Retry-After": "1"]
  )
  static let stopping = Refusal(
    status: 503,
    code: "stopping",
    message: "the sandbox is stopping"
  )

  /// The body, as JSON.
  var json: String {
    var text = "{\"message\":\(JSONText.quoted(message)),\"code\":\(JSONText.quoted(code))"
    if !details.isEmpty {
      let pairs = details.sorted { $0.key < $1.key }
        .map { "\(JSONText.quoted($0.key)):\(JSONText.quoted($0.value))" }
      text += ",\"details\":{\(pairs.joined(separator: ","))}"
    }
    return text + "}"
  }
}
