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
