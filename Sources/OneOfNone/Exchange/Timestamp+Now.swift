internal import Glibc
internal import Provisioning

extension Timestamp {
  /// The present by this machine's civil clock.
  static func now() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(
      microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    )
  }
}
