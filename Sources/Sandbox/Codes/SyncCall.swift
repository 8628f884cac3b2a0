/// A request to sync a reward's failed codes again.
struct SyncCall: Sendable {
  let system: SyncShape.System
  /// Nanoseconds on the monotonic clock.
  let moment: UInt64
}
