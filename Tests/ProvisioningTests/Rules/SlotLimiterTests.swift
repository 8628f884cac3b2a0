import MemoryStore
import Provisioning
import Testing

@Suite("Slots")
struct SlotLimiterTests {
  static func limits(_ rate: Double, burst: Int) -> Limits {
    Limits(requestsPerSecond: rate, burst: burst, maxInFlight: 1, maxInFlightPerReward: 1)
  }

  /// Asks as often as `gap` says and collects the slots that are given.
  static func slots(
    _ limiter: SlotLimiter,
    asking times: Int,
    from start: Int64 = 0,
    gap: () -> Int64
  ) -> [Int64] {
    var (now, nextSlot) = (start, Int64.min / 2)
    var slots: [Int64] = []
    for _ in 0..<times {
      switch limiter.reserve(now: now, nextSlot: nextSlot) {
      case .slot(let at, let next):
        #expect(at >= now && at - now <= limiter.horizon)
        #expect(next > nextSlot)
        slots.append(at)
        nextSlot = next
      case .tooEarly(let wait):
        #expect(wait > 0)
        guard case .slot = limiter.reserve(now: now + wait, nextSlot: nextSlot) else {
          Issue.record("a slot is still too early after the wait that was asked for")
          return slots
        }
      }
      now += gap()
    }
    return slots
  }

  /// The most slots that any window of one second holds.
  static func mostInOneSecond(_ slots: [Int64]) -> Int {
    var (first, most) = (0, 0)
    for last in slots.indices {
      while slots[last] - slots[first] >= 1_000_000 { first += 1 }
      most = max(most, last - first + 1)
    }
    return most
  }

  @Test(
    "the spacing is one per cent over one part of a second, rounded up",
    arguments: [
      (5.0, 202_000), (1.0, 1_010_000), (10_000.0, 101), (0.001, 1_010_000_000), (3.0, 336_667),
    ]
  )
  func spacing(rate: Double, expected: Int64) {
    #expect(SlotLimiter(Self.limits(rate, burst: 1)).spacing == expected)
  }

  @Test("the first slot after a quiet time is at once, and leaves the leeway before the second")
  func firstSlot() {
    let limiter = SlotLimiter(.standard)
    let first = limiter.reserve(now: 1_000_000, nextSlot: 0)
    #expect(first == .slot(at: 1_000_000, nextSlot: 1_252_000))
    #expect(limiter.reserve(now: 0, nextSlot: 10_000) == .slot(at: 10_000, nextSlot: 252_000))
    #expect(limiter.reserve(now: 0, nextSlot: 90_000) == .slot(at: 90_000, nextSlot: 292_000))
  }

  @Test("of a slot for a call that missed one, the leeway stays free")
  func lateAgain() {
    let limiter = SlotLimiter(.standard)
    #expect(limiter.following(90_000, now: 0, nextSlot: 90_000, isLate: true) == 342_000)
    let burst = SlotLimiter(Self.limits(5, burst: 2))
    #expect(burst.leeway == 50_000)
    #expect(burst.following(90_000, now: 0, nextSlot: 90_000, isLate: true) == 342_000)
  }

  @Test(
    "however late each request leaves within what its slot allows, no second holds too many",
    arguments: 0..<100 as Range<UInt64>
  )
  func lateRequests(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let burst = [1, 2, 7, 40].randomElement(using: &random) ?? 1
    let limiter = SlotLimiter(Self.limits(20, burst: burst))
    let call = ClaimedCall(
      call: Samples.call(size: 1),
      slotDelay: .zero,
      answered: Timestamp(microseconds: 0),
      spacing: .microseconds(limiter.spacing),
      leeway: .microseconds(limiter.leeway),
      startsJob: false
    )
    // Floods and quiet times, in which a burst is saved up.
    let longestPause: Int64 = Bool.random(using: &random) ? 30_000 : 400_000
    var (now, nextSlot) = (0 as Int64, Int64.min / 2)
    var sent: [Int64] = []
    while sent.count < 500 {
      guard case .slot(let slot, let next) = limiter.reserve(now: now, nextSlot: nextSlot) else {
        now += Int64.random(in: 1...longestPause, using: &random)
        continue
      }
      nextSlot = next
      let ahead: Duration = .microseconds(slot - now)
      let most = call.tolerableLateness(ahead: ahead)
      sent.append(slot + Int64.random(in: 0...most.microseconds, using: &random))
      if Int.random(in: 0..<10, using: &random) == 0 { now += longestPause * 10 }
    }
    #expect(Self.mostInOneSecond(sent.sorted()) <= 20 + burst - 1)
  }

  @Test(
    "with a burst of one, slots are never closer than the spacing",
    arguments: [0.5, 5, 37.5, 10_000]
  )
  func evenSpacing(rate: Double) {
    let limiter = SlotLimiter(Self.limits(rate, burst: 1))
    let slots = Self.slots(limiter, asking: 2000) { limiter.spacing / 3 }
    #expect(zip(slots, slots.dropFirst()).allSatisfy { $1 - $0 >= limiter.spacing })
    #expect(slots.count > 600)
  }

  @Test(
    "after a quiet time a burst goes at once, its last by the leeway later, then one a spacing",
    arguments: [1, 2, 5, 1000]
  )
  func burst(_ burst: Int) {
    let limiter = SlotLimiter(Self.limits(5, burst: burst))
    var nextSlot: Int64 = 0
    let now: Int64 = 3_600_000_000
    for place in 1...burst {
      guard case .slot(let at, let next) = limiter.reserve(now: now, nextSlot: nextSlot) else {
        Issue.record("the burst is shorter than \(burst)")
        return
      }
      #expect(at == now + (place == burst && burst > 1 ? limiter.leeway : 0))
      nextSlot = next
    }
    #expect(limiter.leeway == 50_000)
    #expect(nextSlot == now + limiter.leeway + Int64(burst) * limiter.spacing)
  }

  @Test("no slot is reserved further ahead than the horizon")
  func horizon() {
    let slow = SlotLimiter(Self.limits(5, burst: 1))
    #expect(slow.horizon == slow.spacing)
    #expect(SlotLimiter(Self.limits(10_000, burst: 1)).horizon == 50_000)
    let atHorizon = slow.reserve(now: 0, nextSlot: slow.horizon)
    #expect(atHorizon == .slot(at: slow.horizon, nextSlot: slow.horizon + slow.spacing))
    #expect(slow.reserve(now: 0, nextSlot: slow.horizon + 1) == .tooEarly(wait: 1))
    #expect(slow.reserve(now: 0, nextSlot: 10 * slow.horizon) == .tooEarly(wait: 9 * slow.horizon))
  }

  @Test("a clock that goes back gives no slot sooner")
  func clockGoesBack() {
    let limiter = SlotLimiter(.standard)
    #expect(limiter.reserve(now: 0, nextSlot: 60_000_000) == .tooEarly(wait: 59_798_000))
  }

  @Test(
    "in no sliding second are more slots than the rate and the burst, however calls arrive",
    arguments: 0..<100 as Range<UInt64>
  )
  func anyArrivals(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let rates: [Double] = [0.3, 1, 2.5, 5, 17, 100, 999.5]
    let rate = rates.randomElement(using: &random) ?? 5
    let burst = Int.random(in: 1...20, using: &random)
    let limiter = SlotLimiter(Self.limits(rate, burst: burst))
    let start = Int64.random(in: 0...2_000_000_000_000_000, using: &random)
    let slots = Self.slots(limiter, asking: 1500, from: start) {
      // A mix of floods, a steady stream and quiet times.
      switch Int.random(in: 0..<20, using: &random) {
      case 0..<12: Int64.random(in: 0...(limiter.spacing / 4), using: &random)
      case 12..<19: Int64.random(in: 0...(2 * limiter.spacing), using: &random)
      default: Int64.random(in: 0...(30 * limiter.spacing), using: &random)
      }
    }
    #expect(Double(Self.mostInOneSecond(slots)) <= rate + Double(burst))
    #expect(slots == slots.sorted())
  }

  @Test(
    "with a burst of one no sliding second holds more than the rate",
    arguments: [1, 2, 5, 17, 100, 1000]
  )
  func strictRate(rate: Int) {
    let limiter = SlotLimiter(Self.limits(Double(rate), burst: 1))
    let slots = Self.slots(limiter, asking: 4 * rate + 20) { limiter.spacing }
    #expect(Self.mostInOneSecond(slots) <= rate)
  }

  @Test("a steady flood gets the whole pace, not less", arguments: [1.0, 5, 100, 1000])
  func wholePace(rate: Double) {
    let limiter = SlotLimiter(Self.limits(rate, burst: 1))
    let slots = Self.slots(limiter, asking: 3000) { max(1, limiter.spacing / 3) }
    let seconds = Double((slots.last ?? 0) - (slots.first ?? 0)) / 1_000_000
    #expect(Double(slots.count - 1) / seconds > rate * 0.98)
  }
}
