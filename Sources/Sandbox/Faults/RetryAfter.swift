/// A `Retry-After` header: seconds, a date in one of the three forms of RFC 9110 (section 5.6.7), or
/// nonsense. In JSON `{"form": "rfc850", "seconds": 3}`.
public struct RetryAfter: Sendable, Hashable, Codable {
  /// How it is written.
  public enum Form: String, Sendable, Hashable, Codable, CaseIterable {
    /// `120`
    case seconds
    /// `Sun, 06 Nov 1994 08:49:37 GMT`, the preferred form of a date
    case imfFixdate
    /// `Sunday, 06-Nov-94 08:49:37 GMT`, obsolete
    case rfc850
    /// `Sun Nov  6 08:49:37 1994`, obsolete
    case asctime
    /// `-120`
    case negative
    /// A number beyond 64 bits
    case huge
    /// No number and no date
    case garbage
  }

  /// How it is written.
  public var form: Form
  /// How far ahead it lies; ignored where the form says everything.
  public var seconds: Int

  /// Lies no time ahead by default.
  public init(_ form: Form, seconds: Int = 0) {
    self.form = form
    self.seconds = seconds
  }

  /// Reads a header's description; see `FaultPlan.init(json:)`.
  public init(from decoder: any Decoder) throws {
    let parameters = try FaultParameters(decoder)
    form = try parameters.value("form")
    seconds = try parameters.value("seconds", default: 0)
    try parameters.refuseOthers()
  }

  /// The header's value.
  /// - Parameter now: microseconds since 1970, by the clock of the answer's `Date`.
  func text(now: Int64) -> String {
    let date = Calendar(microseconds: now + Int64(seconds) * 1_000_000)
    return switch form {
    case .seconds: String(seconds)
    case .imfFixdate: date.imfFixdate
    case .rfc850: date.rfc850
    case .asctime: date.asctime
    case .negative: "-\(max(1, seconds))"
    case .huge: "99999999999999999999999999"
    case .garbage: "in a little while"
    }
  }
}

/// The three forms of a date in HTTP headers (RFC 9110, section 5.6.7).
extension Calendar {
  private static let weekdays = [
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
  ]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// `Sun, 06 Nov 1994 08:49:37 GMT`
  var imfFixdate: String {
    "\(shortWeekday), \(two(day)) \(monthName) \(year) \(timeOfDay) GMT"
  }

  /// `Sunday, 06-Nov-94 08:49:37 GMT`
  var rfc850: String {
    "\(Self.weekdays[weekday]), \(two(day))-\(monthName)-\(two(year % 100)) \(timeOfDay) GMT"
  }

  /// `Sun Nov  6 08:49:37 1994`
  var asctime: String {
    "\(shortWeekday) \(monthName) \(day < 10 ? " " : "")\(day) \(timeOfDay) \(year)"
  }

  private var shortWeekday: Substring { Self.weekdays[weekday].prefix(3) }
  private var monthName: String { Self.months[month - 1] }
  private var timeOfDay: String { "\(two(hour)):\(two(minute)):\(two(second))" }

  private func two(_ number: Int) -> String {
    number < 10 ? "0\(number)" : String(number)
  }
}
