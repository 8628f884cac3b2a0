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
