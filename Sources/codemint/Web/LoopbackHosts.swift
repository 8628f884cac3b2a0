import HTTPTypes
import Hummingbird
import NIOCore

/// The host names that the web server accepts on sockets that only this machine can reach.
///
/// A foreign web page in a browser of this machine may make its own name lead to 127.0.0.1 (DNS
/// rebinding), and could then read the status page. The browser still sends the foreign name in `Host`.
/// So only names that nobody else can own are accepted.
struct LoopbackHosts: Sendable {
  /// The host of `http.listen`, which the operator chose.
  let configured: String

  /// Whether a request with this `Host` may be answered. Every browser sends one, so none is accepted.
  func accept(_ authority: String?) -> Bool {
    guard let authority else { return true }
    let host = Self.host(of: authority).lowercased()
    return host == "localhost" || host == configured.lowercased() || Self.isLoopback(host)
  }

  /// Whether the text is a loopback address in its usual form, which cannot be a foreign host name. Other
  /// forms of it (127.0.0.01) are names that somebody's resolver may know.
  static func isLoopback(_ address: String) -> Bool {
    if address == "::1" { return true }
    let parts = address.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127"
      && parts.allSatisfy { part in UInt8(part).map { String($0) == part } ?? false }
  }

  /// The host without the port and without the brackets of IPv6; the whole text if what follows is no
  /// port, because no such host is accepted.
  private static func host(of authority: String) -> Substring {
    var host = authority.prefix { $0 != ":" }
    var rest = authority[host.endIndex...]
    if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
      host = authority[..<end].dropFirst()
      rest = authority[end...].dropFirst()
    }
    let port = rest.dropFirst()
    let isPort = rest.first == ":" && port.utf8.allSatisfy { (0x30...0x39).contains($0) }
    return rest.isEmpty || isPort ? host : authority[...]
  }
}

/// Refuses requests with a foreign host name on sockets that only this machine can reach, and requests
/// with several host names anywhere (RFC 9112, section 3.2): two readers could believe two of them.
struct HostCheck: RouterMiddleware {
  typealias Context = WebContext

  let hosts: LoopbackHosts

  @concurrent
  func handle(
    _ request: Request,
    context: WebContext,
    next: @concurrent (Request, WebContext) async throws -> Response
  ) async throws -> Response {
    // The first Host has become the authority, and only further ones are left among the fields.
    if let name = HTTPField.Name("Host"), request.headers.contains(name) {
      return Self.refusal(.badRequest, "This request has more than one Host.\n")
    }
    guard context.listensOnLoopback, !hosts.accept(request.head.authority) else {
      return try await next(request, context)
    }
    return Self.refusal(.misdirectedRequest, Self.complaint)
  }

  private static func refusal(_ status: HTTPResponse.Status, _ text: String) -> Response {
    Response(
      status: status,
      headers: [.contentType: "text/plain; charset=utf-8", .cacheControl: "no-store"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: text))
    )
  }

  private static let complaint = """
    codemint listens only on this machine, so it answers only to the hosts localhost, 127.0.0.1 and \
    [::1]. This request names another host. A proxy in front of codemint has to send "Host: localhost".

    """
}

/// The context of a request: where it comes from, and the kind of socket that received it.
struct WebContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  /// Whether only this machine can reach the listening socket.
  let listensOnLoopback: Bool
  /// The address of whoever sent it.
  let address: String

  init(source: Source) {
    coreContext = .init(source: source)
    self.address = source.channel.remoteAddress?.ipAddress ?? "unknown"
    let address = (source.channel.parent ?? source.channel).localAddress?.ipAddress
    listensOnLoopback = address.map(LoopbackHosts.isLoopback) ?? true
  }
}
