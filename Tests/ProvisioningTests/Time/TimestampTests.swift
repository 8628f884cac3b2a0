import MemoryStore
import Provisioning
import Testing

@Suite("Timestamps")
struct TimestampTests {
  @Test(
    "known moments are read",
    arguments: [
      ("1970-01-01T00:00:00Z", 0),
      ("1970-01-01T00:00:00.000001Z", 1),
      ("1969-12-31T23:59:59.999999Z", -1),
      ("2000-01-01T00:00:00Z", 946_684_800_000_000),
      ("2001-09-09T01:46:40Z", 1_000_000_000_000_000),
      ("2038-01-19T03:14:08Z", 2_147_483_648_000_000),
      ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
      ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
    ]
  )
  func knownMoments(text: String, microseconds: Int64) {
    #expect(Timestamp(rfc3339: text)?.microseconds == microseconds)
  }

  @Test(
    "each way of writing one moment is read as that moment",
    arguments: [
      "2024-02-29T12:30:45.5Z", "2024-02-29t12:30:45.5z", "2024-02-29 12:30:45.5Z",
      "2024-02-29T12:30:45.5", "2024-02-29T12:30:45,5Z", "2024-02-29T12:30:45.500000Z",
      "2024-02-29T12:30:45.50000099999999999999999999Z", "2024-02-29T12:30:45.5+00:00",
      "2024-02-29T12:30:45.5-00:00", "2024-02-29T18:00:45.5+05:30", "2024-02-29T18:00:45.5+0530",
      "2024-02-29T14:30:45.5+02", "2024-02-29T04:30:45.5-08:00", "2024-03-01T00:15:45.5+11:45",
    ]
  )
  func oneMoment(_ text: String) {
    #expect(Timestamp(rfc3339: text)?.microseconds == 1_709_209_845_500_000)
  }

  @Test(
    "anything else gives nothing",
    arguments: [
      "", "2024", "2024-02-29", "2024-02-29T", "2024-02-29T12:30Z", "2024-02-29T12:30:45.Z",
      "2024-02-29T12:30:45.5Z ", " 2024-02-29T12:30:45.5Z", "2024-02-29T12:30:45.5ZZ",
      "2024-02-29T12:30:45+", "2024-02-29T12:30:45+5", "2024-02-29T12:30:45+05:",
      "2024-02-29T24:00:00Z",
      "2024-02-29T12:30:45+05:3", "2024-02-29T12:30:45+24:00", "2024-02-29T12:30:45+05:60",
      "2024-02-29T12:30:45+05:300", "2024-02-29T12:60:00Z", "2024-02-29T12:00:61Z",
      "2024-00-10T00:00:00Z", "2024-13-10T00:00:00Z", "2024-01-00T00:00:00Z",
      "2024-01-32T00:00:00Z", "2024-04-31T00:00:00Z", "2023-02-29T00:00:00Z",
      "1900-02-29T00:00:00Z", "2024-2-29T00:00:00Z", "24-02-29T00:00:00Z", "-024-02-29T00:00:00Z",
      "2024/02/29T00:00:00Z", "20240229T000000Z", "2024-02-29T12-30-45Z", "2024-02-29T12:30:4５Z",
      "2024-02-29T1x:30:45Z", "1709209845", "null", "2024-02-29T12:30:45 +05:30",
    ]
  )
  func refused(_ text: String) {
    #expect(Timestamp(rfc3339: text) == nil)
  }

  @Test("a leap second counts as the first second of the next minute")
  func leapSecond() {
    let leap = Timestamp(rfc3339: "2016-12-31T23:59:60Z")
    #expect(leap != nil && leap == Timestamp(rfc3339: "2017-01-01T00:00:00Z"))
  }

  @Test("every day from 1890 to 2110 follows the day before by 24 hours")
  func everyDay() {
    var calendar = CountedCalendar(year: 1890)
    while calendar.year < 2110 {
      #expect(Timestamp(rfc3339: calendar.text)?.microseconds == calendar.microseconds)
      calendar.advance()
    }
  }

  @Test("in each of the 10,000 years the turn of February and of the year are right")
  func everyYear() {
    var days: Int64 = -719_528
    for year in 0...9999 {
      let leaps = CountedCalendar.isLeap(year)
      let text = "\(CountedCalendar.padded(year, to: 4))"
      let noon: Int64 = 43_200
      func moment(_ dayOfYear: Int64) -> Int64 { ((days + dayOfYear) * 86_400 + noon) * 1_000_000 }
      func read(_ date: String) -> Int64? {
        Timestamp(rfc3339: "\(text)-\(date)T12:00:00Z")?.microseconds
      }
      #expect(read("01-01") == moment(0))
      #expect(read("02-28") == moment(58))
      #expect(read("02-29") == (leaps ? moment(59) : nil))
      #expect(read("03-01") == moment(leaps ? 60 : 59))
      #expect(read("12-31") == moment(leaps ? 365 : 364))
      days += leaps ? 366 : 365
    }
  }

  @Test("every offset to the minute moves the moment by itself")
  func everyOffset() {
    for minutes in 0..<1440 {
      let zone =
        "\(CountedCalendar.padded(minutes / 60, to: 2)):"
        + CountedCalendar.padded(minutes % 60, to: 2)
      let moved = Int64(minutes) * 60_000_000
      #expect(Timestamp(rfc3339: "1970-01-01T00:00:00+\(zone)")?.microseconds == -moved)
      #expect(Timestamp(rfc3339: "1970-01-01T00:00:00-\(zone)")?.microseconds == moved)
    }
  }

  @Test("text of any bytes is read or refused, never a trap", arguments: 0..<8 as Range<UInt64>)
  func anyBytes(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let alphabet = Array("0123456789-:.,+TZtz é".utf8)
    let good = Array("2024-02-29T12:30:45.123456+05:30".utf8)
    for _ in 0..<1000 {
      var bytes = good
      for _ in 0..<Int.random(in: 0...3, using: &random) {
        bytes[Int.random(in: bytes.indices, using: &random)] =
          alphabet[Int.random(in: alphabet.indices, using: &random)]
      }
      bytes.removeLast(Int.random(in: 0...12, using: &random))
      if let read = Timestamp(rfc3339: String(decoding: bytes, as: UTF8.self)) {
        #expect(abs(read.microseconds) < 300_000_000_000_000_000)
      }
    }
  }

  @Test("timestamps order by time, not by text")
  func order() throws {
    let early = try #require(Timestamp(rfc3339: "2024-01-01T01:00:00+02:00"))
    let late = try #require(Timestamp(rfc3339: "2024-01-01T00:00:00Z"))
    #expect(early < late)
  }
}

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

@Suite("Durations and instants")
struct DurationTests {
  @Test("units are whole and rounded toward zero, on both sides of it")
  func units() {
    let duration = Duration.seconds(2) + .nanoseconds(3_999_999)
    #expect(duration.nanoseconds == 2_003_999_999)
    #expect(duration.microseconds == 2_003_999)
    #expect(duration.milliseconds == 2003)
    #expect((.zero - duration).nanoseconds == -2_003_999_999)
    #expect((.zero - duration).microseconds == -2_003_999)
    #expect((.zero - duration).milliseconds == -2003)
  }

  @Test("seconds keep their fraction")
  func seconds() {
    #expect(Duration.milliseconds(1500).seconds == 1.5)
    #expect(Duration.milliseconds(-250).seconds == -0.25)
  }

  @Test("an instant plus the time to another is the other", arguments: 0..<4 as Range<UInt64>)
  func instants(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    for _ in 0..<500 {
      let from = Instant(nanoseconds: .random(in: -(1 << 60)...(1 << 60), using: &random))
      let to = Instant(nanoseconds: .random(in: -(1 << 60)...(1 << 60), using: &random))
      #expect(from + (to - from) == to)
      #expect((from < to) == (to - from > .zero))
    }
  }

  @Test("rule 10: a time is as exact as its last digit shows")
  func resolution() {
    let expected: [(Int64, Duration)] = [
      (5_000_000, .seconds(1)), (0, .seconds(1)), (-1_000_000, .seconds(1)),
      (5_001_000, .milliseconds(1)), (-1000, .milliseconds(1)), (5_001_001, .microseconds(1)),
    ]
    for (microseconds, resolution) in expected {
      #expect(Timestamp(microseconds: microseconds).resolution == resolution)
    }
  }
}
