internal import Glibc

extension Connection {
  /// Waits for notifications on the channels that this connection listens on.
  ///
  /// The thread of the connection waits. If the task is cancelled, the connection is closed for good.
  /// - Returns: What came; nothing if nothing came in time.
  public func notifications(within time: Duration) async throws(PostgresError) -> [Notification] {
    guard link.isOpen, isUsable else {
      throw PostgresError(.closed, "nothing can be waited for")
    }
    let end = Moment.after(time)
    let result = await withTaskCancellationHandler {
      waitForNotifications(until: end)
    } onCancel: {
      abandon()
    }
    noteCondition()
    guard !Task.isCancelled else {
      throw PostgresError(.cancelled, "waiting for notifications")
    }
    return try result.get()
  }

  private func waitForNotifications(until end: Moment) -> Result<[Notification], PostgresError> {
    preconditionIsolated("libpq is called on the connection's thread only")
    while true {
      // Under TLS, OpenSSL may hold bytes that poll(2) knows nothing of: what is left of a record
      // of at most 16 KiB. libpq reads at least 8 KiB at a time, so the third read finds nothing.
      for _ in 0..<3 {
        guard link.consumeInput() else {
          return .failure(PostgresError(.connectionLost, link.errorMessage))
        }
      }
      var arrived: [Notification] = []
      while let notification = link.nextNotification() { arrived.append(notification) }
      if !arrived.isEmpty { return .success(arrived) }
      let remaining = end.remaining.wholeMilliseconds
      if remaining == 0, end <= .now { return .success([]) }
      var poll = pollfd(fd: link.descriptor, events: Int16(POLLIN), revents: 0)
      // Rounded up: a wait that is too short by a fraction would be followed by a busy one.
      _ = unsafe Glibc.poll(&poll, 1, Int32(clamping: remaining + 1))
    }
  }
}

/// What a NOTIFY brought.
public struct Notification: Hashable, Sendable {
  /// The channel.
  public let channel: String
  /// The payload, empty if there was none.
  public let payload: String
}
