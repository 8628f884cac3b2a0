/// How long an answer takes. Codes come into being in the middle of it, so that a client that dies while
/// it waits leaves behind both calls that worked and calls that never did.
public struct SandboxLatency: Sendable, Hashable {
  /// What every answer takes at least.
  public var fixed: Duration
  /// What is added to it: a share between none and all of this, by the seed.
  public var jitter: Duration

  /// Defaults to no latency at all.
  public init(fixed: Duration = .zero, jitter: Duration = .zero) {
    self.fixed = fixed
    self.jitter = jitter
  }
}
