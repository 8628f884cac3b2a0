/// A moment in civil time, in microseconds since 1970-01-01T00:00:00Z, as the API states it.
///
/// Only recorded and compared with other timestamps of the API, never with a worker's own clock.
public struct Timestamp: Hashable, Comparable, Sendable {
  /// Microseconds since the Unix epoch, leap seconds not counted.
  public let microseconds: Int64

  /// The moment this many microseconds after the Unix epoch.
  public init(microseconds: Int64) {
    self.microseconds = microseconds
  }

  /// How exactly the moment is told: by whole seconds, milliseconds or microseconds. The API states no
  /// resolution, and whether it rounds or cuts off, so the moment lies anywhere from one such length
  /// before to one after. A moment that happens to be round only counts as wider than it is.
  /// `codemint.time_resolution` says the same.
  public var resolution: Duration {
    if microseconds % 1_000_000 == 0 { return .seconds(1) }
    return microseconds % 1000 == 0 ? .milliseconds(1) : .microseconds(1)
  }

  /// Orders from earlier to later.
  public static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.microseconds < right.microseconds
  }

  /// Reads a date and time as RFC 3339 writes it (section 5.6).
  ///
  /// Because the API states no format, a space for the `T`, a missing zone (taken as UTC), a
  /// zone without a colon and any number of fraction digits (cut to microseconds) are read
  /// too. Anything else gives nil, and the time stays unknown.
  public init?(rfc3339 text: some StringProtocol) {
    self.init(rfc3339: Array(text.utf8).span)
  }

  /// Reads the same from bytes.
  public init?(rfc3339 text: Span<UInt8>) {
    let read = text.withUnsafeBufferPointer { bytes in
      var reader = DigitReader(bytes)
      return Self.microseconds(&reader)
    }
    guard let read else { return nil }
    microseconds = read
  }

  private static func microseconds(_ reader: inout DigitReader) -> Int64? {
    guard let year = reader.number(digits: 4), reader.skip("-"),
      let month = reader.number(digits: 2), reader.skip("-"),
      let day = reader.number(digits: 2), reader.skip("T") || reader.skip("t") || reader.skip(" "),
      let hour = reader.number(digits: 2), reader.skip(":"),
      let minute = reader.number(digits: 2), reader.skip(":"),
      let second = reader.number(digits: 2),
      (1...12).contains(month), (1...days(in: month, of: year)).contains(day),
      hour < 24, minute < 60, second <= 60
    else { return nil }
    var fraction: Int64 = 0
    if reader.skip(".") || reader.skip(",") {
      guard let digits = reader.fraction(digits: 6) else { return nil }
      fraction = digits
    }
    guard let offset = zoneOffset(&reader), reader.isAtEnd else { return nil }
    let days = daysSinceEpoch(year: year, month: month, day: day)
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
    return seconds * 1_000_000 + fraction
  }

  private static func zoneOffset(_ reader: inout DigitReader) -> Int64? {
    if reader.isAtEnd || reader.skip("Z") || reader.skip("z") { return 0 }
    let sign: Int64
    if reader.skip("+") { sign = 1 } else if reader.skip("-") { sign = -1 } else { return nil }
    guard let hours = reader.number(digits: 2), hours < 24 else { return nil }
    if reader.isAtEnd { return sign * hours * 3600 }
    _ = reader.skip(":")
    guard let minutes = reader.number(digits: 2), minutes < 60 else { return nil }
    return sign * (hours * 3600 + minutes * 60)
  }

  private static func days(in month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Days from the epoch to a date of the proleptic Gregorian calendar, counted in years that
  /// begin in March so that the leap day comes last. One whole cycle of 400 years is added first,
  /// so that no division meets a negative number (January and February of year 0).
  private static func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
    let shifted = 400 + (month <= 2 ? year - 1 : year)
    let century = shifted / 100
    let monthFromMarch = (month + 9) % 12
    let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
    let leapDays = shifted / 4 - century + century / 4
    return shifted * 365 + leapDays + dayOfYear - 719_468 - 146_097
  }
}

/// Reads fixed-width numbers and single marks from ASCII text, for timestamps.
private struct DigitReader {
  /// Every access comes after a comparison with its count.
  private let bytes: UnsafeBufferPointer<UInt8>
  private var position = 0

  /// A reader of bytes that stay where they are as long as it is used.
  init(_ bytes: UnsafeBufferPointer<UInt8>) {
    self.bytes = bytes
  }

  var isAtEnd: Bool { position >= bytes.count }

  /// Exactly this many decimal digits, or nil.
  mutating func number(digits: Int) -> Int64? {
    guard bytes.count - position >= digits else { return nil }
    var value: Int64 = 0
    for place in position..<position + digits {
      guard let digit = Self.digit(bytes[place]) else { return nil }
      value = value * 10 + digit
    }
    position += digits
    return value
  }

  /// One digit or more after the decimal mark, scaled to `digits` places; the rest is cut off.
  mutating func fraction(digits: Int) -> Int64? {
    var value: Int64 = 0
    var seen = 0
    while position < bytes.count, let digit = Self.digit(bytes[position]) {
      if seen < digits { value = value * 10 + digit }
      seen += 1
      position += 1
    }
    guard seen > 0 else { return nil }
    for _ in min(seen, digits)..<digits { value *= 10 }
    return value
  }

  /// Takes one mark if it comes next.
  mutating func skip(_ mark: Unicode.Scalar) -> Bool {
    guard position < bytes.count, UInt32(bytes[position]) == mark.value else { return false }
    position += 1
    return true
  }

  private static func digit(_ byte: UInt8) -> Int64? {
    guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
    return Int64(byte - UInt8(ascii: "0"))
  }
}
