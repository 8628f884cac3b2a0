internal import NIOCore

/// Makes a client that hangs up close the connection at once, as API gateways do. Hummingbird leaves
/// it half open, and then a hang-up during a slow answer could not be told from patience.
final class HangUpCloses: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = NIOAny

  func handlerAdded(context: ChannelHandlerContext) {
    // Fails only on channels that are no sockets, and those have no half-open state.
    try? context.channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: false)
  }
}
