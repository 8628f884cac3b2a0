internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes

/// The server writes a `Date` of its own over whatever an answer has. So an answer that wants another one
/// says so in a header that never leaves this process.
final class DateRewriter: ChannelOutboundHandler, RemovableChannelHandler {
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  /// Has the value that `Date` is to have, or nothing if there is to be no `Date`.
  static let header = HTTPField.Name("x-sandbox-date")

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard let name = Self.header, case .head(var head) = unwrapOutboundIn(data),
      let date = head.headerFields[name]
    else { return context.write(data, promise: promise) }
    head.headerFields[name] = nil
    head.headerFields[.date] = date.isEmpty ? nil : date
    context.write(wrapOutboundOut(.head(head)), promise: promise)
  }
}
