import Provisioning
import Testing

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
}
