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
