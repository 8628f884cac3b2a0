internal import Glibc
internal import Synchronization

/// The clocks that a sandbox reads and waits on. Tests put in one that they move by hand.
struct SandboxTime: Sendable {
  /// Nanoseconds that never run backwards; for arrivals, sync and staleness.
  var monotonic: @Sendable () -> UInt64
  /// Microseconds since 1970, UTC, by this machine's clock; for `createdAt`.
  var wall: @Sendable () -> Int64
  /// Waits, or throws `CancellationError`.
  var sleep: @Sendable (Duration) async throws -> Void

  static let system = SandboxTime(
    monotonic: {
      var now = timespec()
      clock_gettime(CLOCK_MONOTONIC, &now)
      return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    },
    wall: {
      var now = timespec()
      clock_gettime(CLOCK_REALTIME, &now)
      return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
    },
    sleep: { try await Task.sleep(for: $0) }
  )
}

extension Duration {
  /// Whole nanoseconds, at most what fits; negative ones count as none.
  var nanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let (product, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? .max : product &+ UInt64(attoseconds / 1_000_000_000)
  }

  /// Whole microseconds, of either sign.
  var microseconds: Int64 {
    let (seconds, attoseconds) = components
    return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
  }
}

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

/// Lets at most so many requests through in any one second, and refuses the others without counting
/// them.
final class RateLimit: Sendable {
  private struct State {
    var admitted: [UInt64] = []
    var oldest = 0
  }

  private let limit: Int
  private let state = Mutex(State())

  init(_ requestsPerSecond: Int) {
    limit = requestsPerSecond
  }

  /// Whether a request that arrived at this moment of the monotonic clock goes through.
  func admits(_ moment: UInt64) -> Bool {
    state.withLock { state in
      if state.admitted.count < limit {
        state.admitted.append(moment)
        return true
      }
      guard moment >= state.admitted[state.oldest] + 1_000_000_000 else { return false }
      state.admitted[state.oldest] = moment
      state.oldest = (state.oldest + 1) % limit
      return true
    }
  }
}
