import Hummingbird
import NIOCore

/// Turns away whoever asks for another name than this machine's, where only this machine is served.
struct HostCheck: RouterMiddleware {
  typealias Context = WebContext

  let hosts: LoopbackHosts

  @concurrent
  func handle(
    _ request: Request,
    context: WebContext,
    next: @concurrent (Request, WebContext) async throws -> Response
  ) async throws -> Response {
    guard context.listensOnLoopback, !hosts.accept(request.head.authority) else {
      return try await next(request, context)
    }
    return Response(
      status: .misdirectedRequest,
      headers: [.contentType: "text/plain; charset=utf-8", .cacheControl: "no-store"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: Self.complaint))
    )
  }

  private static let complaint = """
    codemint listens on this machine alone, and answers to its names alone: localhost, 127.0.0.1 and \
    [::1]. This request names another host. A proxy in front of it has to send "Host: localhost".

    """
}
