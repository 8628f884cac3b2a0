import Provisioning
import Testing

@Suite("Delivering events")
struct DeliveryTests {
  private static let rules = DeliveryRules.standard

  /// Always the lowest or the highest number; 0 would be drawn again for ever.
  private struct Edge: RandomNumberGenerator {
    let isHigh: Bool
    mutating func next() -> UInt64 { isHigh ? .max : 1 }
  }

  private static func pauses(failures: Int, asked: Duration? = nil) -> ClosedRange<Duration> {
    var low = Edge(isHigh: false)
    var high = Edge(isHigh: true)
    return rules.pause(
      failures: failures,
      asked: asked,
      random: &low
    )...rules.pause(
      failures: failures,
      asked: asked,
      random: &high
    )
  }

  @Test(
    "pauses double from the first to the longest, and are drawn from their upper half",
    arguments: [(1, 5), (2, 10), (3, 20), (10, 2560), (11, 3600), (5000, 3600)]
  )
  func backoff(failures: Int, ceiling: Int) {
    let pauses = Self.pauses(failures: failures)
    #expect(pauses.upperBound == .seconds(ceiling))
    #expect(pauses.lowerBound == .seconds(ceiling) / 2)
  }

  @Test("three days of pauses are some eighty attempts, not thousands")
  func attempts() {
    var passed = Duration.zero
    var attempts = 1
    while passed < Self.rules.patience {
      passed += Self.pauses(failures: attempts).upperBound
      attempts += 1
    }
    #expect((75...90).contains(attempts))
  }

  @Test("a receiver may ask for a longer pause, up to the longest, and for no shorter one")
  func asked() {
    #expect(Self.pauses(failures: 1, asked: .seconds(60)).lowerBound == .seconds(60))
    #expect(Self.pauses(failures: 1, asked: .seconds(86_400)).upperBound == .seconds(3600))
    #expect(Self.pauses(failures: 3, asked: .seconds(1)).lowerBound == .seconds(10))
    #expect(Self.rules.bounded(.seconds(-5)) == .zero)
    #expect(Self.rules.bounded(nil) == nil)
  }

  @Test("2xx is a success, 410 the end, and everything else is tried again; redirects say so")
  func statuses() {
    for status in [200, 201, 202, 204, 299] {
      #expect(DeliveryEnding.of(status: status) == .delivered)
    }
    for status in [100, 301, 302, 307, 308, 400, 401, 404, 429, 500, 503, 599] {
      guard case .failed(let words) = DeliveryEnding.of(status: status) else {
        Issue.record("\(status) is no failure")
        continue
      }
      #expect(words.contains("\(status)"))
      #expect(words.contains("redirect") == (300..<400).contains(status))
    }
    guard case .gone(let words) = DeliveryEnding.of(status: 410) else {
      Issue.record("410 is not the end")
      return
    }
    #expect(words.contains("gone for good"))
  }

  @Test("kinds of events are named as in codemint.events")
  func kinds() {
    #expect(
      JobEventKind.allCases.map(\.rawValue) == [
        "queued", "running", "held", "released", "completed", "failed", "cancelled", "sync_done",
        "surplus",
      ]
    )
  }
}
