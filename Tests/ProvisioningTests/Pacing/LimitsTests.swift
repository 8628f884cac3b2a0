import MemoryStore
import Provisioning
import Testing

@Suite("Limits")
struct LimitsTests {
  static func random(_ random: inout SeededRandom) -> Limits {
    Limits(
      requestsPerSecond: .random(in: Bounds.requestsPerSecond, using: &random),
      burst: .random(in: Bounds.burst, using: &random),
      maxInFlight: .random(in: Bounds.maxInFlight, using: &random),
      maxInFlightPerReward: .random(in: Bounds.maxInFlight, using: &random)
    )
  }

  @Test("of daemons that differ the most careful counts, in each respect by itself")
  func lesser() {
    let fast = Limits(requestsPerSecond: 50, burst: 1, maxInFlight: 40, maxInFlightPerReward: 2)
    let slow = Limits(requestsPerSecond: 0.5, burst: 9, maxInFlight: 4, maxInFlightPerReward: 3)
    let both = Limits(requestsPerSecond: 0.5, burst: 1, maxInFlight: 4, maxInFlightPerReward: 2)
    #expect(fast.lesser(slow) == both)
  }

  @Test(
    "in which order daemons are compared makes no difference",
    arguments: 0..<20 as Range<UInt64>
  )
  func order(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    for _ in 0..<50 {
      let (a, b, c) = (Self.random(&random), Self.random(&random), Self.random(&random))
      #expect(a.lesser(a) == a)
      #expect(a.lesser(b) == b.lesser(a))
      #expect(a.lesser(b).lesser(c) == a.lesser(b.lesser(c)))
      #expect(a.lesser(b).requestsPerSecond <= a.requestsPerSecond)
      #expect(a.lesser(b).burst <= a.burst)
      #expect(a.lesser(b).maxInFlight <= a.maxInFlight)
      #expect(a.lesser(b).maxInFlightPerReward <= a.maxInFlightPerReward)
    }
  }

  @Test("without settings the pace is modest")
  func standard() {
    let expected = Limits(
      requestsPerSecond: 5,
      burst: 1,
      maxInFlight: 4,
      maxInFlightPerReward: 2
    )
    #expect(Limits.standard == expected)
  }
}
