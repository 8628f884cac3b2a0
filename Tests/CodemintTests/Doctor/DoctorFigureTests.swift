import Ledger
import Provisioning
import Testing

@testable import codemint

@Suite("codemint doctor compares settings with what was seen of the API")
struct DoctorFigureTests {
  private static func found(
    lag: Duration? = nil,
    rate: Double? = nil,
    longest: Duration? = nil
  ) -> [String] {
    DatabaseExamination.findings(
      APIFigures(listLag: lag, requestsPerSecond: rate, longestCall: longest),
      Settings()
    ).map { "\($0.subject): \($0.remedy ?? "")" }
  }

  @Test("settings that nothing contradicts are not mentioned")
  func quiet() {
    #expect(Self.found() == [])
    #expect(Self.found(lag: .seconds(9), rate: 5, longest: .seconds(15)) == [])
  }

  @Test("a list lag, a rate and a latency that contradict a setting name it and a better value")
  func contradicted() {
    #expect(
      Self.found(lag: .seconds(10)) == [
        "reconcile.listing_gap_seconds: raise reconcile.listing_gap_seconds to 31 or more"
      ]
    )
    #expect(Self.found(rate: 1.239) == ["limits.requests_per_second: lower it to 1.23"])
    #expect(Self.found(longest: .seconds(16)) == ["api.timeout_seconds: raise it to 65 or more"])
    #expect(Self.found(longest: .seconds(400)) == ["api.timeout_seconds: raise it to 600 or more"])
  }
}
