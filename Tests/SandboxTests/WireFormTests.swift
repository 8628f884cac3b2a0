import Testing

@testable import Sandbox

@Suite("dates, UUIDs and JSON as bytes")
struct WireFormTests {
  @Test(
    "moments are written in ISO 8601 with milliseconds",
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (1_769_862_896_789, "2026-01-31T12:34:56.789Z"),
      (951_782_400_000, "2000-02-29T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
      (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
      (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    ] as [(Int64, String)]
  )
  func timestamps(_ milliseconds: Int64, _ text: String) {
    #expect(Timestamp.text(milliseconds) == text)
  }

  @Test("the three forms of HTTP dates are those of RFC 9110")
  func httpDates() {
    let date = Calendar(milliseconds: 784_111_777_000)
    #expect(date.imfFixdate == "Sun, 06 Nov 1994 08:49:37 GMT")
    #expect(date.rfc850 == "Sunday, 06-Nov-94 08:49:37 GMT")
    #expect(date.asctime == "Sun Nov  6 08:49:37 1994")
  }

  @Test("UUIDs are read in any case and written in lower case")
  func uuids() {
    let text = "3C90c3cc-0d44-4b50-8888-8dd25736052A"
    #expect(UUIDBits(text)?.description == text.lowercased())
    #expect(UUIDBits("00000000-0000-0000-0000-000000000000") == UUIDBits(high: 0, low: 0))
    for wrong in ["", "3c90c3cc", text + "0", String(text.dropLast()), "g" + text.dropFirst()] {
      #expect(UUIDBits(wrong) == nil)
    }
    #expect(UUIDBits("3c90c3cc00d44-4b50-8888-8dd25736052") == nil)
  }

  @Test("shares are met, and never and always are exact")
  func shares() {
    let lots = (UInt64(0)..<10_000).map(mixed)
    #expect(lots.filter(Share(0).covers).isEmpty)
    #expect(lots.filter(Share(1).covers).count == lots.count)
    #expect((2300...2700).contains(lots.filter(Share(0.25).covers).count))
  }
}
