import NIOHTTP1
import Provisioning
import Testing

@testable import OneOfNone

@Suite("How long an answer asks to wait")
struct PauseTests {
  /// 1994-11-06T08:49:37Z.
  private static let noon = Timestamp(microseconds: 784_111_777 * 1_000_000)

  private func pause(_ headers: HTTPHeaders) -> Duration? {
    Pause.asked(by: headers, receivedAt: Self.noon)
  }

  @Test("Retry-After in seconds, capped, garbage ignored")
  func seconds() {
    #expect(pause(["Retry-After": "0"]) == .zero)
    #expect(pause(["retry-after": "120"]) == .seconds(120))
    #expect(pause(["Retry-After": "99999"]) == Bounds.longestPause)
    #expect(pause(["Retry-After": "99999999999999999999999999"]) == Bounds.longestPause)
    #expect(pause(["Retry-After": "9223372036854775807"]) == Bounds.longestPause)
    for garbage in [
      "-1", "+1", "1.", ".5", "1.-5", "1.5.5", "", " ", "soon", "1 s", "0x10", "1e3", "٣",
    ] {
      #expect(pause(["Retry-After": garbage]) == nil)
    }
    #expect(pause(["Retry-After": "x", "retry-after": "3"]) == .seconds(3))
    #expect(pause([:]) == nil)
  }

  @Test("seconds may have a fraction, as Shopify sends them; it is rounded up to a microsecond")
  func fractions() {
    #expect(pause(["Retry-After": "2.0"]) == .seconds(2))
    #expect(pause(["Retry-After": "0.25"]) == .milliseconds(250))
    #expect(pause(["Retry-After": "1.0000001"]) == .microseconds(1_000_001))
    #expect(pause(["Retry-After": "1.000000000000000000000000"]) == .seconds(1))
    #expect(pause(["Retry-After": "3599.999"]) == .milliseconds(3_599_999))
    #expect(pause(["Retry-After": "3600.001"]) == Bounds.longestPause)
    #expect(pause(["Retry-After": "99999999999999999999.5"]) == Bounds.longestPause)
    #expect(pause(["RateLimit": "\"a\";r=0;t=1.5"]) == .milliseconds(1500))
    #expect(pause(["RateLimit": "\"a\";r=0.0;t=2"]) == .seconds(2))
    #expect(pause(["RateLimit": "limit=10, remaining=0, reset=1.5"]) == .milliseconds(1500))
    #expect(pause(["RateLimit-Reset": "1.5"]) == .milliseconds(1500))
    #expect(pause(["X-RateLimit-Reset": "1.5"]) == .milliseconds(1500))
  }

  @Test("a field that was sent twice and joined asks for the longest of its values")
  func joined() {
    #expect(pause(["Retry-After": "3, 3"]) == .seconds(3))
    #expect(pause(["Retry-After": "3,5.5 , 4"]) == .milliseconds(5500))
    #expect(pause(["Retry-After": "soon, 4"]) == .seconds(4))
    let date = "Sun, 06 Nov 1994 08:50:37 GMT"
    #expect(pause(["Retry-After": "\(date), \(date)"]) == .seconds(60))
    #expect(pause(["Retry-After": "7, \(date)"]) == .seconds(60))
    #expect(pause(["X-RateLimit-Reset": "3, 3"]) == .seconds(3))
    #expect(pause(["RateLimit-Reset": "3, 3"]) == .seconds(3))
    #expect(pause(["Retry-After": ", ,"]) == nil)
  }

  @Test(
    "the three forms of a date are the same time",
    arguments: [
      "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
      "Sun Nov  6 08:49:37 1994", "Sun Nov 06 08:49:37 1994",
    ]
  )
  func dates(text: String) {
    #expect(HTTPDate.read(text, near: Self.noon) == Self.noon)
  }

  @Test(
    "other texts are not read as dates",
    arguments: [
      "", "GMT", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
      "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT",
      "Sun, 06 Nov 94 08:49:37 GMT",
      "Sun, 06 nov 1994 08:49:37 GMT", "Sunday, 06-Nov-1994 08:49:37 GMT", "Sun Nov 6 08:49 1994",
      "Sun, 06 Nov -199 08:49:37 GMT", "Sun, 006 Nov 1994 08:49:37 GMT", "a b c d e",
      "a, b c d e GMT",
    ]
  )
  func noDates(text: String) {
    #expect(HTTPDate.read(text, near: Self.noon) == nil)
  }

  @Test("a year of two digits is at most fifty years ahead")
  func twoDigits() {
    func year(_ digits: String, now: String) -> String? {
      guard let now = Timestamp(rfc3339: now),
        let read = HTTPDate.read("Monday, 01-Mar-\(digits) 00:00:00 GMT", near: now)
      else { return nil }
      return ["19", "20", "21"].map { $0 + digits }
        .first { Timestamp(rfc3339: "\($0)-03-01T00:00:00Z") == read }
    }
    #expect(year("94", now: "1994-11-06T00:00:00Z") == "1994")
    #expect(year("26", now: "2025-01-01T00:00:00Z") == "2026")
    #expect(year("74", now: "2025-01-01T00:00:00Z") == "2074")
    #expect(year("76", now: "2025-01-01T00:00:00Z") == "1976")
    #expect(year("03", now: "2099-01-01T00:00:00Z") == "2103")
  }

  @Test("a date is compared with the answer's own Date, else with this machine's clock")
  func ownDate() {
    let later = "Sun, 06 Nov 1994 08:50:37 GMT"
    #expect(pause(["Retry-After": later]) == .seconds(60))
    let date = "Sun, 06 Nov 1994 08:50:00 GMT"
    #expect(pause(["Retry-After": later, "Date": date]) == .seconds(37))
    #expect(pause(["Retry-After": date, "Date": later]) == nil)
    #expect(pause(["Retry-After": later, "Date": later]) == .zero)
    #expect(pause(["Retry-After": later, "Date": "yesterday"]) == .seconds(60))
    #expect(pause(["Retry-After": "Sun, 06 Nov 2094 08:50:37 GMT"]) == Bounds.longestPause)
  }

  @Test("without Retry-After an exhausted limit gives the pause")
  func rateLimit() {
    #expect(pause(["RateLimit": "\"a\";r=0;t=7"]) == .seconds(7))
    #expect(pause(["RateLimit": "\"a\";r=50;t=90, \"b\";r=0;t=7"]) == .seconds(7))
    #expect(pause(["RateLimit": "\"a\" ; r=0 ; t=7 , \"b\";r=0;t=9"]) == .seconds(9))
    #expect(pause(["RateLimit": "limit=10, remaining=0, reset=8"]) == .seconds(8))
    #expect(pause(["RateLimit-Reset": "6"]) == .seconds(6))
    #expect(pause(["RateLimit": "\"a\";r=0;t=-7"]) == nil)
    #expect(pause(["RateLimit": ";;=,,"]) == nil)
    #expect(pause(["RateLimit": "\"a\";r=0;t=7", "Retry-After": "2"]) == .seconds(2))
    #expect(pause(["RateLimit": "\"a\";r=0;t=7", "Retry-After": "-2"]) == .seconds(7))
    #expect(pause(["RateLimit": "\"a\";r=0;t=999999"]) == Bounds.longestPause)
  }

  @Test("a policy's window is the pause if nothing else gives one")
  func policy() {
    let policies = "\"burst\";q=10;w=5, \"hour\";q=100;w=1800"
    #expect(pause(["RateLimit-Policy": policies]) == .seconds(5))
    #expect(pause(["RateLimit-Policy": policies, "RateLimit": "\"hour\";r=0"]) == .seconds(1800))
    #expect(pause(["RateLimit-Policy": policies, "RateLimit": "\"hour\";r=0;t=3"]) == .seconds(3))
    #expect(pause(["RateLimit-Policy": "\"burst\";q=10"]) == nil)
  }

  @Test("X-RateLimit-Reset is seconds from now, or a moment in seconds or milliseconds")
  func custom() {
    #expect(pause(["X-RateLimit-Reset": "30"]) == .seconds(30))
    let now = Timestamp(microseconds: 1_700_000_000 * 1_000_000)
    func reset(_ value: String) -> Duration? {
      Pause.asked(by: ["X-RateLimit-Reset": value], receivedAt: now)
    }
    #expect(reset("1700000012") == .seconds(12))
    #expect(reset("1700000012500") == .milliseconds(12_500))
    #expect(reset("1700000012.25") == .milliseconds(12_250))
    #expect(reset("2023-11-14T22:13:32Z") == .seconds(12))
    #expect(reset("Tue, 14 Nov 2023 22:13:32 GMT") == .seconds(12))
    #expect(reset("99999999999999999999999") == nil)
    #expect(reset("1600000000") == nil)
    #expect(reset("999999999999999999") == nil)
    #expect(reset("-5") == nil)
    // A quota of a day is believed, and waited for as long as anything is. A number of something else is not.
    #expect(reset("86400") == Bounds.longestPause)
    #expect(reset("86401") == nil)
    #expect(reset("999999999") == nil)
    #expect(reset("2023-11-16T22:13:32Z") == nil)
  }

  @Test("random fields never crash it, and never give more than the longest pause")
  func random() {
    var random = SplitMix(state: 42)
    let letters = Array("0123456789-+=;,\" \tGMTadr:rtwqNov")
    for _ in 0..<5000 {
      let value = String(
        (0..<Int.random(in: 0...24, using: &random)).map { _ in
          letters[Int.random(in: 0..<letters.count, using: &random)]
        }
      )
      for name in ["retry-after", "ratelimit", "ratelimit-policy", "x-ratelimit-reset", "date"] {
        let asked = pause(HTTPHeaders([(name, value), ("Retry-After", value)]))
        #expect(asked.map { $0 >= .zero && $0 <= Bounds.longestPause } ?? true)
      }
    }
  }
}

/// A small generator with a seed, so that a failure can be repeated.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}
