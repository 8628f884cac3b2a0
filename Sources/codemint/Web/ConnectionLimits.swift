import Hummingbird
import NIOCore
import NIOHTTPTypes
import Synchronization

/// How many connections the web server holds. Anyone who reaches its port can open connections, and each
/// takes a descriptor, which the database and the API need more.
final class ConnectionLimits: Sendable {
  /// What becomes of a new connection.
  enum Admission: Equatable {
    /// Its requests are answered.
    case served
    /// Its request is answered with 503, and then it is closed.
    case refused
    /// It is answered with 503 and closed at once, whatever it sends.
    case turnedAway
  }

  /// The connections that are served.
  let places: Int
  /// The connections beyond, which are held for a moment to be told so.
  let spare: Int
  private let open = Mutex(0)

  /// The most connections that are served, however many descriptors there are.
  static let mostPlaces = 64

  /// - Parameter descriptors: How many descriptors the process may open. The web server takes less than
  ///   a fifth of them.
  init(descriptors: Int) {
    places = max(4, min(Self.mostPlaces, descriptors / 8))
    spare = places / 2
  }

  /// A connection was opened. It counts until `leave`.
  func enter() -> Admission {
    open.withLock { open in
      open += 1
      if open <= places { return .served }
      return open <= places + spare ? .refused : .turnedAway
    }
  }

  /// A connection was closed.
  func leave() {
    open.withLock { $0 -= 1 }
  }
}

/// Guards one connection: answers 503 if there are too many, and closes it if it is slow. Hummingbird
/// closes those that are idle or do not complete the head of their request.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  /// How long a connection may be idle, or take for the head of a request.
  static let longestIdle = TimeAmount.seconds(10)
  /// How long the rest of a request may take.
  static let longestRequest = TimeAmount.seconds(10)
  /// How long a reader may take to accept what was written.
  static let longestWrite = TimeAmount.seconds(20)
  /// How long a connection that is refused may take for its request.
  static let longestFarewell = TimeAmount.seconds(2)

  private let limits: ConnectionLimits
  private var admission: ConnectionLimits.Admission?
  private var requestDeadline: Scheduled<Void>?
  private var writeDeadline: Scheduled<Void>?
  /// Parts that were written and that the reader has not accepted yet.
  private var unaccepted = 0

  init(_ limits: ConnectionLimits) {
    self.limits = limits
  }

  func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { begin(context) }
  }

  func channelActive(context: ChannelHandlerContext) {
    begin(context)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    end()
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    end()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch (admission, unwrapInboundIn(data)) {
    case (.served, let part):
      watch(part, context)
      context.fireChannelRead(data)
    case (.refused, .head):
      refuse(context)
    case (.refused, _), (.turnedAway, _), (nil, _):
      break
    }
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    unaccepted += 1
    if writeDeadline == nil {
      writeDeadline = closing(context, after: Self.longestWrite)
    }
    let promise = promise ?? context.eventLoop.makePromise()
    promise.futureResult.assumeIsolated().whenComplete { _ in self.accepted(context) }
    context.write(data, promise: promise)
  }

  private func begin(_ context: ChannelHandlerContext) {
    guard admission == nil else { return }
    let admission = limits.enter()
    self.admission = admission
    switch admission {
    case .served: break
    case .refused: requestDeadline = closing(context, after: Self.longestFarewell)
    case .turnedAway: refuse(context)
    }
  }

  private func end() {
    requestDeadline?.cancel()
    writeDeadline?.cancel()
    (requestDeadline, writeDeadline) = (nil, nil)
    if admission != nil { limits.leave() }
    admission = nil
  }

  /// A request that has begun has to be complete before long.
  private func watch(_ part: HTTPRequestPart, _ context: ChannelHandlerContext) {
    switch part {
    case .head:
      requestDeadline?.cancel()
      requestDeadline = closing(context, after: Self.longestRequest)
    case .body: break
    case .end:
      requestDeadline?.cancel()
      requestDeadline = nil
    }
  }

  /// The reader has accepted one part. It gets the whole time for the rest.
  private func accepted(_ context: ChannelHandlerContext) {
    unaccepted -= 1
    writeDeadline?.cancel()
    writeDeadline =
      unaccepted > 0 && context.channel.isActive
      ? closing(context, after: Self.longestWrite) : nil
  }

  private func refuse(_ context: ChannelHandlerContext) {
    let head = HTTPResponse(
      status: .serviceUnavailable,
      headerFields: [
        .connection: "close", .contentType: "text/plain; charset=utf-8", .retryAfter: "10",
        .contentLength: "\(Self.complaint.utf8.count)",
      ]
    )
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(
      wrapOutboundOut(.body(ByteBuffer(string: Self.complaint))),
      promise: nil
    )
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    context.close(promise: nil)
  }

  private static let complaint = "too many connections to the status page are open; close some\n"

  private func closing(_ context: ChannelHandlerContext, after time: TimeAmount) -> Scheduled<Void>
  {
    context.eventLoop.assumeIsolated().scheduleTask(in: time) { context.close(promise: nil) }
  }
}
