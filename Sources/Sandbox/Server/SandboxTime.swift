#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// The clocks that a sandbox reads and waits on. Tests put in one that they move by hand.
struct SandboxTime: Sendable {
  /// Nanoseconds that never run backwards; for arrivals, settling and staleness.
  var monotonic: @Sendable () -> UInt64
  /// Milliseconds since 1970, UTC, by this machine's clock; for `createdAt`.
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
      return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
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

  /// Whole milliseconds, of either sign.
  var milliseconds: Int64 {
    let (seconds, attoseconds) = components
    return seconds * 1000 + attoseconds / 1_000_000_000_000_000
  }
}
