import Provisioning

/// The machine's monotonic clock. On Linux `ContinuousClock` is CLOCK_BOOTTIME, which goes on
/// during a suspension, as a lease does.
struct SystemClock: WorkerClock {
  private let start = ContinuousClock.now

  var now: Instant {
    Instant(nanoseconds: (ContinuousClock.now - start).nanoseconds)
  }

  func sleep(until instant: Instant) async throws(CancellationError) {
    do {
      try await ContinuousClock().sleep(until: start + .nanoseconds(instant.nanoseconds))
    } catch {
      throw CancellationError()
    }
  }
}
