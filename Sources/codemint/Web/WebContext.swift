import Hummingbird
import NIOCore

/// What goes with a request: where it came in.
struct WebContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  /// Whether the socket that took it in listens on this machine alone.
  let listensOnLoopback: Bool

  init(source: Source) {
    coreContext = .init(source: source)
    let address = (source.channel.parent ?? source.channel).localAddress?.ipAddress
    listensOnLoopback = address.map(LoopbackHosts.isLoopback) ?? true
  }
}
