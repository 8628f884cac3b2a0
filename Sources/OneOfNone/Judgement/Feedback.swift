internal import NIOHTTP1
internal import Provisioning

/// What an answer's headers say of the pace, whatever else it says.
enum Feedback {
  /// How much of a window is left.
  struct Window: Hashable, Sendable {
    let remaining: Int64
    let length: Duration
  }

  /// What is left of a longer window than this is used as fast as ever, and waited for once it is
  /// used up: spread over a day, a quota would make every job take a day.
  static let longestSpread: Duration = .seconds(60)

  /// What the answer asks for; nil if nothing.
  static func of(_ reply: Reply) -> PaceFeedback? {
    if reply.status == 429 {
      return PaceFeedback(
        isRefusal: true,
        pause: Pause.asked(by: reply.headers, receivedAt: reply.receivedAt)
      )
    }
    let windows = windows(reply.headers, receivedAt: reply.receivedAt)
    let usedUp = windows.filter { $0.remaining == 0 }.map(\.length).max()
    // A server that is overloaded names the time in an answer that is no success; in one that is a
    // redirect or a success the field means something else.
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

  /// Every window that the headers tell of: the IETF's `RateLimit` field in its newer and older
  /// forms, its three older fields, and the custom ones with an X.
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
