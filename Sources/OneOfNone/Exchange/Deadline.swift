internal import NIOCore
internal import NIOPosix
internal import Provisioning

/// Calls something when a time has passed, unless it is called off before.
///
/// A value of its own, so that tests can let a deadline pass at an exact moment of a request.
struct Deadline: Sendable {
  /// Starts one and returns what calls it off.
  let start: @Sendable (Duration, @escaping @Sendable () -> Void) -> @Sendable () -> Void

  /// By the monotonic clock of the network's event loops.
  static let timer = Deadline { timeout, expire in
    let task = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(
      in: .nanoseconds(timeout.nanoseconds),
      expire
    )
    return { task.cancel() }
  }
}
