/// A calendar that counts day by day from the start of a year: slow, and too plain to be wrong.
struct CountedCalendar {
  private(set) var year: Int
  private var month = 1
  private var day = 1
  private var daysSinceEpoch: Int64

  init(year: Int) {
    self.year = year
    let years = year < 1970 ? year..<1970 : 1970..<year
    let days = years.reduce(0) { $0 + (Self.isLeap($1) ? 366 : 365) }
    daysSinceEpoch = Int64(year < 1970 ? -days : days)
  }

  var text: String {
    "\(Self.padded(year, to: 4))-\(Self.padded(month, to: 2))-\(Self.padded(day, to: 2))T00:00:00Z"
  }

  var microseconds: Int64 { daysSinceEpoch * 86_400_000_000 }

  mutating func advance() {
    daysSinceEpoch += 1
    day += 1
    let lengths = [31, Self.isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard day > lengths[month - 1] else { return }
    (day, month) = (1, month + 1)
    guard month > 12 else { return }
    (month, year) = (1, year + 1)
  }

  static func isLeap(_ year: Int) -> Bool {
    year.isMultiple(of: 400) || (year.isMultiple(of: 4) && !year.isMultiple(of: 100))
  }

  static func padded(_ number: Int, to width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
