internal import Glibc
internal import NIOCore
internal import ServiceLifecycle

/// The client's end of a request: it can be waited for and be broken off.
struct Connection: Sendable {
  let channel: any Channel
  let time: SandboxTime

  /// Ends the connection. An abrupt end is a TCP reset: without lingering, closing drops what has not
  /// been sent and sends RST.
  func breakOff(abrupt: Bool) async {
    if abrupt, let socket = channel as? any SocketOptionProvider {
      // Fails only if the client has closed it already, which is an end as well.
      try? await socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
    }
    try? await channel.close().get()
  }

  /// Waits until the client hangs up, at most for so long.
  /// - Returns: whether it hung up.
  /// - Throws: `CancellationError` when the sandbox is stopping.
  func hungUp(within limit: Duration?) async throws -> Bool {
    let (ends, continuation) = AsyncStream<Never>.makeStream()
    channel.closeFuture.whenComplete { _ in continuation.finish() }
    let time = time
    return try await cancelWhenGracefulShutdown {
      try await withThrowingTaskGroup(of: Bool.self) { group in
        group.addTask {
          for await _ in ends {}
          try Task.checkCancellation()
          return true
        }
        if let limit {
          group.addTask {
            try await time.sleep(limit)
            return false
          }
        }
        defer { group.cancelAll() }
        return try await group.next() ?? true
      }
    }
  }

  /// Waits regardless of the client.
  /// - Throws: `CancellationError` when the sandbox is stopping.
  func pause(_ duration: Duration) async throws {
    guard duration > .zero else { return }
    let time = time
    try await cancelWhenGracefulShutdown { try await time.sleep(duration) }
  }
}

/// There is nobody to answer any more, or there is to be no answer.
struct NoAnswer: Error {}

/// Makes a client that hangs up close the connection at once, as API gateways do. Hummingbird leaves
/// it half open, and then a hang-up during a slow answer could not be told from patience.
final class HangUpCloses: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = NIOAny

  func handlerAdded(context: ChannelHandlerContext) {
    // Fails only on channels that are no sockets, and those have no half-open state.
    try? context.channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: false)
  }
}
