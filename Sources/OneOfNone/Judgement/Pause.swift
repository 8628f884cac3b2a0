internal import NIOHTTP1
internal import Provisioning

/// The pause that an answer asks for: `Retry-After` (RFC 9110, section 10.2.3), else the fields of the
/// IETF's draft "RateLimit header fields for HTTP" in their newer and older forms, else the custom
/// `X-RateLimit-Reset`.
enum Pause {
  /// The pause, at most `Bounds.longestPause`; nil if the answer has no readable pause.
  ///
  /// - Parameter receivedAt: The time by this machine's clock. Used only if the answer has no `Date`.
  static func asked(by headers: HTTPHeaders, receivedAt: Timestamp) -> Duration? {
    let now = answered(headers, receivedAt)
    let pause =
      retryAfter(headers["retry-after"], now: now)
      ?? RateLimitFields.pause(
        limits: headers[canonicalForm: "ratelimit"].map(String.init),
        policies: headers[canonicalForm: "ratelimit-policy"].map(String.init)
      )
      ?? headers["ratelimit-reset"].flatMap(members).compactMap(seconds).max()
      ?? headers["x-ratelimit-reset"].flatMap(members).compactMap { reset($0, now: now) }.max()
    return pause.map { min($0, Bounds.longestPause) }
  }

  /// The pause that `Retry-After` alone asks for.
  static func retryAfter(by headers: HTTPHeaders, receivedAt: Timestamp) -> Duration? {
    retryAfter(headers["retry-after"], now: answered(headers, receivedAt))
      .map { min($0, Bounds.longestPause) }
  }

  /// The longest time until the end of a window, from the values of a field `...-reset`.
  static func reset(_ values: [String], _ headers: HTTPHeaders, receivedAt: Timestamp) -> Duration?
  {
    let now = answered(headers, receivedAt)
    return values.flatMap(members).compactMap { reset($0, now: now) }.max()
  }

  /// The time of the answer, by its own `Date` if it has one.
  private static func answered(_ headers: HTTPHeaders, _ receivedAt: Timestamp) -> Timestamp {
    headers["date"].lazy.compactMap { HTTPDate.read($0, near: receivedAt) }.first ?? receivedAt
  }

  /// Seconds: digits, and perhaps a fraction, which the standard does not have and servers send. More
  /// digits than a number can hold are the longest pause.
  static func seconds(_ text: Substring) -> Duration? {
    guard let (whole, microseconds) = decimal(text) else { return nil }
    guard let whole, whole < Bounds.longestPause.components.seconds else {
      return Bounds.longestPause
    }
    return .seconds(whole) + .microseconds(microseconds)
  }

  /// The values in a field that somebody sent twice and a proxy joined, such as "3, 3" (RFC 9110,
  /// section 5.3). A date has a comma of its own, so every two neighbours are a value as well.
  private static func members(_ value: String) -> [Substring] {
    let parts = value.split(separator: ",").map { RateLimitFields.trim($0) }
    let pairs = zip(parts, parts.dropFirst()).map { Substring("\($0), \($1)") }
    return parts + pairs
  }

  private static func retryAfter(_ values: [String], now: Timestamp) -> Duration? {
    values.flatMap(members).compactMap { value in
      seconds(value) ?? HTTPDate.read(String(value), near: now).flatMap { until($0, now: now) }
    }.max()
  }

  /// The longest window of a rate limit that is believed. A reset that is further away is a number of
  /// something else, and nothing stands still for it.
  static let longestWindow: Duration = .seconds(86_400)

  private static func reset(_ value: Substring, now: Timestamp) -> Duration? {
    moment(value, now: now).flatMap { $0 <= longestWindow ? $0 : nil }
  }

  /// Vendors send seconds from now, seconds since 1970, milliseconds since 1970, or a date. The ranges
  /// of the numbers do not overlap.
  private static func moment(_ value: Substring, now: Timestamp) -> Duration? {
    guard let (whole, microseconds) = decimal(value) else {
      let date = HTTPDate.read(String(value), near: now) ?? Timestamp(rfc3339: String(value))
      return date.flatMap { until($0, now: now) }
    }
    guard let whole else { return nil }
    switch whole {
    case ..<1_000_000_000:
      return .seconds(whole) + .microseconds(microseconds)
    case ..<100_000_000_000:
      return until(Timestamp(microseconds: whole * 1_000_000 + microseconds), now: now)
    case ..<100_000_000_000_000:
      return until(Timestamp(microseconds: whole * 1000 + microseconds / 1000), now: now)
    default:
      return nil
    }
  }

  /// A number without a sign: what is before the point, nil if that is more than a number can hold, and
  /// millionths, rounded up so that no pause is too short. Nil for any other text.
  private static func decimal(_ text: Substring) -> (whole: Int64?, millionths: Int64)? {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let isNumber = parts.allSatisfy { part in
      !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
    guard isNumber, let whole = parts.first else { return nil }
    guard parts.count == 2 else { return (Int64(whole), 0) }
    let kept = parts[1].prefix(6)
    let zeros = String(repeating: "0", count: 6 - kept.utf8.count)
    let isExact = parts[1].dropFirst(6).allSatisfy { $0 == "0" }
    return (Int64(whole), (Int64(kept + zeros) ?? 0) + (isExact ? 0 : 1))
  }

  /// What is before the point of a number without a sign; nil for any other text.
  static func whole(_ text: Substring) -> Int64? { decimal(text)?.whole }

  /// The time from `now` to a moment; nil if the moment is in the past.
  private static func until(_ moment: Timestamp, now: Timestamp) -> Duration? {
    let microseconds = moment.microseconds - now.microseconds
    return microseconds >= 0 ? .microseconds(microseconds) : nil
  }
}

/// The three forms of a date in HTTP (RFC 9110, section 5.6.7).
///
///     Sun, 06 Nov 1994 08:49:37 GMT     the current form
///     Sunday, 06-Nov-94 08:49:37 GMT    RFC 850, obsolete
///     Sun Nov  6 08:49:37 1994          asctime, obsolete
enum HTTPDate {
  /// Reads a date of any form; nil for anything else.
  ///
  /// - Parameter now: A year of two digits is the latest year with these digits that is at most fifty
  ///   years after `now`.
  static func read(_ text: String, near now: Timestamp) -> Timestamp? {
    let words = text.split(separator: " ", omittingEmptySubsequences: true)
    switch words.count {
    case 6 where words[0].hasSuffix(",") && words[5] == "GMT" && words[3].utf8.count == 4:
      return moment(year: words[3], month: words[2], day: words[1], time: words[4])
    case 4 where words[0].hasSuffix(",") && words[3] == "GMT":
      let date = words[1].split(separator: "-", omittingEmptySubsequences: false)
      guard date.count == 3, date[2].utf8.count == 2 else { return nil }
      return ["21", "20", "19"].lazy.compactMap { century in
        moment(year: century + date[2], month: date[1], day: date[0], time: words[2])
      }.first { $0.microseconds - now.microseconds <= fiftyYears }
    case 5 where words[4].utf8.count == 4:
      return moment(year: words[4], month: words[1], day: words[2], time: words[3])
    default:
      return nil
    }
  }

  /// In microseconds.
  private static let fiftyYears: Int64 = 50 * 31_556_952 * 1_000_000
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  private static func moment(
    year: Substring,
    month: Substring,
    day: Substring,
    time: Substring
  ) -> Timestamp? {
    guard let index = months.firstIndex(where: { $0 == month }),
      time.utf8.count == 8, (1...2).contains(day.utf8.count)
    else { return nil }
    let number = index + 1
    let month = number < 10 ? "0\(number)" : "\(number)"
    let day = day.utf8.count == 1 ? "0\(day)" : "\(day)"
    return Timestamp(rfc3339: "\(year)-\(month)-\(day)T\(time)Z")
  }
}
