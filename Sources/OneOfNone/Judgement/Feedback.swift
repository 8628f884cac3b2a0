internal import NIOHTTP1
internal import Provisioning

/// What an answer's headers say about the pace. The rest of the answer does not matter.
enum Feedback {
  /// What is left of a window of a rate limit.
  struct Window: Hashable, Sendable {
    let remaining: Int64
    let length: Duration
  }

  /// The longest window over which the rest of a quota is spread. A longer window is used at full speed
  /// and waited for when it is used up. Otherwise a daily quota would make every job take a day.
  static let longestSpread: Duration = .seconds(60)

  /// What the answer asks for; nil if it asks for nothing.
  static func of(_ reply: Reply) -> PaceFeedback? {
    if reply.status == 429 {
      return PaceFeedback(
        isRefusal: true,
        pause: Pause.asked(by: reply.headers, receivedAt: reply.receivedAt)
      )
    }
    let windows = windows(reply.headers, receivedAt: reply.receivedAt)
    let usedUp = windows.filter { $0.remaining == 0 }.map(\.length).max()
    // An overloaded server gives the pause in a 5xx. In a redirect or a success, `Retry-After` means
    // something else.
    let overloaded =
      reply.status >= 500
      ? Pause.retryAfter(by: reply.headers, receivedAt: reply.receivedAt) : nil
    let rates = windows.filter { $0.remaining > 0 && $0.length <= longestSpread }
      .filter { $0.length > .zero }
      .map { Double($0.remaining) / $0.length.seconds }
    let feedback = PaceFeedback(
      pause: [usedUp, overloaded].compactMap { $0 }.max().map { min($0, Bounds.longestPause) },
      ceiling: rates.min()
    )
    return feedback == PaceFeedback() ? nil : feedback
  }

  /// All windows in the headers: the IETF's field `RateLimit` in its newer and older forms, its three
  /// older fields, and the custom fields that begin with X.
  private static func windows(_ headers: HTTPHeaders, receivedAt: Timestamp) -> [Window] {
    let listed = RateLimitFields.windows(headers[canonicalForm: "ratelimit"].map(String.init))
    let separate = ["ratelimit", "x-ratelimit"].compactMap { prefix -> Window? in
      guard let remaining = headers["\(prefix)-remaining"].compactMap(RateLimitFields.count).min(),
        let length = Pause.reset(headers["\(prefix)-reset"], headers, receivedAt: receivedAt)
      else { return nil }
      return Window(remaining: remaining, length: length)
    }
    return listed + separate
  }
}

/// The fields `RateLimit` and `RateLimit-Policy`, as far as they are needed for pauses.
///
///     RateLimit: "burst";r=0;t=7          newer drafts: remaining, and seconds until there is more
///     RateLimit-Policy: "burst";q=10;w=60 newer drafts: quota, and the window in seconds
///     RateLimit: limit=10, remaining=0, reset=7       older drafts
enum RateLimitFields {
  private struct Item {
    var name: Substring
    var parameters: [Substring: Substring]

    func seconds(_ name: Substring) -> Duration? {
      parameters[name].flatMap(Pause.seconds)
    }
  }

  /// The longest pause that an exhausted limit asks for. If no limit gives a time, the window of its
  /// policy. If there are no limits at all, the shortest window, which assumes the least.
  static func pause(limits: [String], policies: [String]) -> Duration? {
    let limits = limits.compactMap { item($0[...]) }
    let policies = policies.compactMap { item($0[...]) }
    let exhausted = limits.filter { $0.parameters["r"].map { count(String($0)) == 0 } ?? true }
    if let longest = exhausted.compactMap({ $0.seconds("t") }).max() { return longest }
    if let reset = limits.compactMap({ $0.name == "reset" ? $0.seconds("") : nil }).max() {
      return reset
    }
    let names = Set(exhausted.map(\.name))
    let theirs = policies.filter { names.contains($0.name) }.compactMap { $0.seconds("w") }
    return theirs.max() ?? policies.compactMap { $0.seconds("w") }.min()
  }

  /// The windows in the field `RateLimit`.
  static func windows(_ members: [String]) -> [Feedback.Window] {
    let items = members.compactMap { item($0[...]) }
    let newer = items.compactMap { item -> Feedback.Window? in
      guard let remaining = item.parameters["r"].flatMap({ count(String($0)) }),
        let length = item.seconds("t")
      else { return nil }
      return Feedback.Window(remaining: remaining, length: length)
    }
    func older(_ name: Substring) -> Item? { items.first { $0.name == name } }
    guard let remaining = older("remaining")?.parameters[""].flatMap({ count(String($0)) }),
      let length = older("reset")?.seconds("")
    else { return newer }
    return newer + [Feedback.Window(remaining: remaining, length: length)]
  }

  /// Requests a second that the policies allow: the least of their quotas, each spread over its window.
  static func rate(policies: [String]) -> Double? {
    policies.compactMap { item($0[...]) }.compactMap { policy -> Double? in
      guard let quota = policy.parameters["q"].flatMap({ count(String($0)) }),
        let window = policy.seconds("w"), window > .zero
      else { return nil }
      return Double(quota) / window.seconds
    }.min()
  }

  /// A number of requests. Some servers send it with a fraction, which is no request.
  static func count(_ text: String) -> Int64? { Pause.whole(text[...]) }

  /// One member of the list: a name with parameters. In older drafts it is `name=value`, and the value
  /// is stored under the empty name.
  private static func item(_ text: Substring) -> Item? {
    let parts = text.split(separator: ";").map(trim)
    guard let head = parts.first else { return nil }
    var parameters: [Substring: Substring] = [:]
    for part in parts.dropFirst() {
      let (name, value) = pair(part)
      parameters[name] = value
    }
    let (name, value) = pair(head)
    if let value { parameters[""] = value }
    return Item(name: name, parameters: parameters)
  }

  private static func pair(_ text: Substring) -> (name: Substring, value: Substring?) {
    guard let mark = text.firstIndex(of: "=") else { return (text, nil) }
    return (trim(text[..<mark]), trim(text[text.index(after: mark)...]))
  }

  static func trim(_ text: Substring) -> Substring {
    let start = text.drop { $0 == " " || $0 == "\t" }
    guard let last = start.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return "" }
    return start[...last]
  }
}
