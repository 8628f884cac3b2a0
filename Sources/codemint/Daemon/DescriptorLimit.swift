import Glibc

/// How many files and connections this process may have open at once.
enum DescriptorLimit {
  /// Raises the soft limit to the hard one, which needs no privilege. The usual soft limit of 1024 is for
  /// programs that use select(2).
  ///
  /// - Returns: How many descriptors there may be now.
  static func raise() -> Int {
    var limit = rlimit()
    guard getrlimit(Int32(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return assumed }
    if limit.rlim_cur < limit.rlim_max {
      var raised = limit
      raised.rlim_cur = limit.rlim_max
      // A system that does not permit it leaves the limit as it was.
      if setrlimit(Int32(RLIMIT_NOFILE.rawValue), &raised) == 0 { limit = raised }
    }
    return Int(clamping: limit.rlim_cur)
  }

  /// What is assumed if the system does not say.
  private static let assumed = 1024
}
