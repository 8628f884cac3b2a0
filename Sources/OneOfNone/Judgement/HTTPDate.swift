internal import Provisioning

/// The three forms of a date in HTTP (RFC 9110, section 5.6.7).
///
///     Sun, 06 Nov 1994 08:49:37 GMT     the form of today
///     Sunday, 06-Nov-94 08:49:37 GMT    RFC 850, obsolete
///     Sun Nov  6 08:49:37 1994          asctime, obsolete
enum HTTPDate {
  /// Reads a date of any form; nil for anything else.
  ///
  /// - Parameter now: A year of two digits is the last one with these digits that is no more than
  ///   fifty years after it.
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
