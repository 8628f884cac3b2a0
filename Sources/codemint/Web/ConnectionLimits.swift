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
    /// Its request is answered if it is a health check, else with 503, and then it is closed.
    case refused
    /// It is answered with 503 and closed at once, whatever it sends.
    case turnedAway
  }

  /// The connections that are served.
  let places: Int
  /// The connections beyond, which are held for a moment: health checks are answered, others are told so.
  let spare: Int
  /// How many of the places, and of the spare ones, one address may have. So one client that keeps its
  /// connections open leaves places for others, and for the health checks of its own host.
  private let share: (places: Int, spare: Int)
  private let open = Mutex(Open())

  private struct Open {
    var served: [String: Int] = [:]
    var refused: [String: Int] = [:]
  }

  /// The most connections that are served, however many descriptors there are.
  static let mostPlaces = 64

  /// - Parameter descriptors: How many descriptors the process may open. The web server takes less than
  ///   a fifth of them.
  init(descriptors: Int) {
    places = max(4, min(Self.mostPlaces, descriptors / 8))
    spare = places / 2
    share = (places * 3 / 4, max(1, spare * 3 / 4))
  }

  /// A connection was opened. It counts until `leave`.
  func enter(from address: String) -> Admission {
    open.withLock { open in
      if Self.take(&open.served, address, of: places, share: share.places) { return .served }
      return Self.take(&open.refused, address, of: spare, share: share.spare)
        ? .refused : .turnedAway
    }
  }

  private static func take(
    _ taken: inout [String: Int],
    _ address: String,
    of places: Int,
    share: Int
  ) -> Bool {
    guard taken.values.reduce(0, +) < places, taken[address, default: 0] < share else {
      return false
    }
    taken[address, default: 0] += 1
    return true
  }

  /// A connection was closed.
  func leave(_ admission: Admission, from address: String) {
    open.withLock { open in
      switch admission {
      case .served: Self.free(&open.served, address)
      case .refused: Self.free(&open.refused, address)
      case .turnedAway: break
      }
    }
  }

  private static func free(_ taken: inout [String: Int], _ address: String) {
    let left = taken[address, default: 1] - 1
    taken[address] = left > 0 ? left : nil
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
  private var address = ""
  /// The health check of a connection that is refused: it is answered all the same, and nothing after it.
  private var healthCheck = HealthCheck.none

  private enum HealthCheck {
    case none, arriving, complete
  }
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
    case (.refused, .head(var head)) where healthCheck == .none && Self.checksHealth(head):
      healthCheck = .arriving
      // The server closes the connection behind its answer; if it does not, the deadline does.
      head.headerFields[.connection] = "close"
      watch(.head(head), context)
      context.fireChannelRead(wrapInboundOut(.head(head)))
    case (.refused, let part) where healthCheck == .arriving:
      if case .end = part { healthCheck = .complete }
      context.fireChannelRead(data)
    case (.refused, .head) where healthCheck == .none:
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
    address = context.channel.remoteAddress?.ipAddress ?? "unknown"
    let admission = limits.enter(from: address)
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
    if let admission { limits.leave(admission, from: address) }
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

  private static func checksHealth(_ head: HTTPRequest) -> Bool {
    ["/healthz", "/readyz"].contains(head.path)
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
