internal import NIOCore
internal import NIOHTTP1

/// Lets one response through for each request (protocol, rule 4). A connection that brings bytes nobody
/// asked for is closed: what a server, a proxy or an attacker sends twice would otherwise be taken for the
/// answer to the next request. NIO refuses a second response that arrives whole, but keeps half of one,
/// and the rest may come when the next request has been sent.
///
/// A response that comes twice can also come after the next request has left. A doubled success is then
/// noticed by its codes, which are known (rule 7). Of a refusal nothing would be noticed, so a connection
/// is not used again after any answer but a success.
enum OneResponse {
  /// What both handlers of a connection know. Used on its event loop only.
  private final class State {
    /// Whether a request has begun whose response has not ended.
    var isAwaited = false
    /// Whether bytes are being parsed that may go on behind the response's end.
    var isFeeding = false
    /// Whether there were bytes that nobody asked for.
    var isSpoiled = false
    /// Parts of a response, which wait until the bytes behind them have been seen.
    var held: [HTTPClientResponsePart] = []
  }

  /// Adds the handlers to a connection of the HTTP client: one where bytes arrive, one where they have
  /// become parts of a response.
  static func guardConnection(_ channel: any Channel) throws {
    let pipeline = channel.pipeline.syncOperations
    let encoder = try pipeline.handler(type: HTTPRequestEncoder.self)
    let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPResponseDecoder>.self)
    let parts = Parts(State())
    try pipeline.addHandler(Bytes(parts), position: .before(encoder))
    try pipeline.addHandler(parts, position: .after(decoder))
  }

  /// Where bytes arrive.
  private final class Bytes: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let parts: Parts
    private var state: State { parts.state }

    init(_ parts: Parts) {
      self.parts = parts
    }

    /// The last byte is parsed by itself. If the response has ended before it, there is something behind.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      var bytes = unwrapInboundIn(data)
      guard state.isAwaited, !state.isSpoiled else { return spoil(context) }
      state.isFeeding = true
      if bytes.readableBytes > 1, let most = bytes.readSlice(length: bytes.readableBytes - 1) {
        context.fireChannelRead(wrapInboundOut(most))
      }
      let hasMore = !state.isAwaited
      if !hasMore { context.fireChannelRead(wrapInboundOut(bytes)) }
      state.isFeeding = false
      if hasMore { state.isSpoiled = true }
      parts.release()
      if hasMore { spoil(context) }
    }

    private func spoil(_ context: ChannelHandlerContext) {
      state.isSpoiled = true
      context.close(promise: nil)
    }
  }

  /// Where bytes have become parts of a response.
  private final class Parts: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = HTTPClientResponsePart
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    let state: State
    private var context: ChannelHandlerContext?

    init(_ state: State) {
      self.state = state
    }

    func handlerAdded(context: ChannelHandlerContext) {
      self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
      self.context = nil
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
      guard !state.isSpoiled else {
        promise?.fail(ChannelError.ioOnClosedChannel)
        return
      }
      if case .head = unwrapOutboundIn(data) { state.isAwaited = true }
      context.write(data, promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let part = unwrapInboundIn(data)
      if case .end = part { state.isAwaited = false }
      state.held.append(part)
      if !state.isFeeding { release() }
    }

    /// The parser refuses what follows a response. The response itself may be complete.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      state.isSpoiled = true
      release()
      context.fireErrorCaught(error)
    }

    /// Passes on what is held. The next request may be written before this returns, unless the head says
    /// that the connection is not to be used again.
    func release() {
      let parts = state.held
      state.held = []
      for var part in parts {
        if case .head(var head) = part, head.status.code >= 300 || state.isSpoiled {
          head.headers.replaceOrAdd(name: "connection", value: "close")
          part = .head(head)
        }
        context?.fireChannelRead(wrapInboundOut(part))
      }
    }
  }
}
