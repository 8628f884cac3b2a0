/// How long each answer takes, by the seed.
struct LatencyDice: Sendable {
  private let latency: SandboxLatency
  private let seed: UInt64

  init(_ latency: SandboxLatency, seed: UInt64) {
    self.latency = latency
    self.seed = mixed(seed ^ 0x6c61_7465)
  }

  /// The pause of the request with this number.
  func pause(of number: Int) -> Duration {
    guard latency.jitter > .zero else { return latency.fixed }
    let share = Double(mixed(seed ^ UInt64(number)) >> 11) * 0x1p-53
    return latency.fixed + latency.jitter * share
  }
}
