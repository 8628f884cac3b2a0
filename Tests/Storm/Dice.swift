/// A seeded generator of random numbers (SplitMix64).
struct Dice: RandomNumberGenerator {
  private var state: UInt64

  /// - Parameter purpose: Tells generators of one seed apart.
  init(_ seed: UInt64, _ purpose: String) {
    state = purpose.utf8.reduce(seed) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    _ = next()
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// Whether something of this probability happens.
  mutating func happens(_ probability: Double) -> Bool {
    Double.random(in: 0..<1, using: &self) < probability
  }

  /// A pause that is as long as this on average, and never more than twice that.
  mutating func pause(around average: Duration) -> Duration {
    average * Double.random(in: 0.05..<1.95, using: &self)
  }

  /// A length of time.
  mutating func seconds(_ range: ClosedRange<Double>) -> Duration {
    .milliseconds(Int(Double.random(in: range, using: &self) * 1000))
  }
}

/// Lets time pass.
enum Time {
  static func pass(_ duration: Duration) async throws {
    try await ContinuousClock().sleep(for: duration)
  }

  /// Lets time pass until something is true.
  /// - Returns: False if it did not become true in time.
  static func pass(
    atMost limit: Duration,
    every pause: Duration = .milliseconds(100),
    until isTrue: () async throws -> Bool
  ) async throws -> Bool {
    let end = ContinuousClock.now + limit
    while try await !isTrue() {
      guard ContinuousClock.now < end else { return false }
      try await pass(pause)
    }
    return true
  }
}
