internal import NIOHTTP1
internal import Provisioning

/// How long an answer asks to wait: `Retry-After` (RFC 9110, section 10.2.3), else the fields of
/// the IETF's draft "RateLimit header fields for HTTP" in their newer and older forms, else the
/// custom `X-RateLimit-Reset`.
enum Pause {
  /// The pause, at most `Bounds.longestPause`; nil if the answer names none that can be read.
  ///
  /// - Parameter receivedAt: By this machine's clock; used only if the answer has no `Date`.
  static func asked(by headers: HTTPHeaders, receivedAt: Timestamp) -> Duration? {
    let now = answered(headers, receivedAt)
    let pause =
      retryAfter(headers["retry-after"], now: now)
      ?? RateLimitFields.pause(
        limits: headers[canonicalForm: "ratelimit"].map(String.init),
        policies: headers[canonicalForm: "ratelimit-policy"].map(String.init)
      )
      ?? headers["ratelimit-reset"].compactMap { seconds($0[...]) }.max()
      ?? headers["x-ratelimit-reset"].compactMap { reset($0, now: now) }.max()
    return pause.map { min($0, Bounds.longestPause) }
  }

  /// The pause that `Retry-After` alone asks for.
  static func retryAfter(by headers: HTTPHeaders, receivedAt: Timestamp) -> Duration? {
    retryAfter(headers["retry-after"], now: answered(headers, receivedAt))
      .map { min($0, Bounds.longestPause) }
  }

  /// The longest time until a window ends, as the fields `...-reset` tell it.
  static func reset(_ values: [String], _ headers: HTTPHeaders, receivedAt: Timestamp) -> Duration?
  {
    let now = answered(headers, receivedAt)
    return values.compactMap { reset($0, now: now) }.max()
  }

  /// When the answer was given, by its own clock if it tells.
  private static func answered(_ headers: HTTPHeaders, _ receivedAt: Timestamp) -> Timestamp {
    headers["date"].lazy.compactMap { HTTPDate.read($0, near: receivedAt) }.first ?? receivedAt
  }

  /// Whole seconds, as digits alone; anything too long for a number is simply very long.
  static func seconds(_ text: Substring) -> Duration? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    guard let number = Int64(text) else { return Bounds.longestPause }
    return min(.seconds(number), Bounds.longestPause)
  }

  private static func retryAfter(_ values: [String], now: Timestamp) -> Duration? {
    values.compactMap { value in
      seconds(value[...]) ?? HTTPDate.read(value, near: now).flatMap { until($0, now: now) }
    }.max()
  }

  /// Vendors mean seconds from now, or seconds or milliseconds since 1970; the sizes of the three
  /// do not overlap.
  private static func reset(_ value: String, now: Timestamp) -> Duration? {
    guard !value.isEmpty, value.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let number = Int64(value)
    else { return nil }
    switch number {
    case ..<1_000_000_000:
      return .seconds(number)
    case ..<100_000_000_000:
      return until(Timestamp(microseconds: number * 1_000_000), now: now)
    case ..<100_000_000_000_000:
      return until(Timestamp(microseconds: number * 1000), now: now)
    default:
      return nil
    }
  }

  /// The time from `now` to a moment that is not past.
  private static func until(_ moment: Timestamp, now: Timestamp) -> Duration? {
    let microseconds = moment.microseconds - now.microseconds
    return microseconds >= 0 ? .microseconds(microseconds) : nil
  }
}
