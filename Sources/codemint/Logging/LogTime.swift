internal import Foundation

/// The time of a log line.
enum LogTime {
  /// The present time.
  static func now() -> String {
    let milliseconds = Int(Date().timeIntervalSince1970 * 1000)
    return text(seconds: milliseconds / 1000, milliseconds: milliseconds % 1000)
  }

  /// RFC 3339 in UTC with milliseconds, such as `2024-02-29T12:30:45.007Z`.
  static func text(seconds: Int, milliseconds: Int) -> String {
    var (seconds, parts) = (time_t(seconds), tm())
    gmtime_r(&seconds, &parts)
    let date = [
      (Int(parts.tm_year) + 1900, 4), (Int(parts.tm_mon) + 1, 2), (Int(parts.tm_mday), 2),
    ]
    let clock = [(Int(parts.tm_hour), 2), (Int(parts.tm_min), 2), (Int(parts.tm_sec), 2)]
    return joined(date, "-") + "T" + joined(clock, ":") + "." + padded(milliseconds, 3) + "Z"
  }

  private static func joined(_ numbers: [(Int, Int)], _ mark: String) -> String {
    numbers.map(padded).joined(separator: mark)
  }

  private static func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
