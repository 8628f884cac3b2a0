import Foundation
import Hummingbird
import Ledger
import NIOCore
import ServiceLifecycle
import Synchronization

/// The answer for each path. All requests are GET and change nothing. No answer has the value of a code.
struct WebRoutes: Sendable {
  let health: Health
  let registry: MetricsRegistry
  let board: StatusBoard
  /// What has kept the worker from its database for a minute or more; nil if nothing has.
  let trouble: @Sendable () -> String?
  private let hosts: LoopbackHosts
  private let listeners = Listeners()
  private let start = Date().timeIntervalSince1970

  /// - Parameter host: The host of `http.listen`.
  init(
    host: String,
    health: Health,
    registry: MetricsRegistry,
    queries: OverviewQueries,
    trouble: @escaping @Sendable () -> String?
  ) {
    self.trouble = trouble
    hosts = LoopbackHosts(configured: host)
    self.health = health
    self.registry = registry
    board = StatusBoard(queries: queries)
  }

  var router: Router<WebContext> {
    let router = Router(context: WebContext.self, options: .autoGenerateHeadEndpoints)
    router.add(middleware: HostCheck(hosts: hosts))
    router.get("/") { _, _ in Self.page("text/html; charset=utf-8", PackageResources.page_html) }
    router.get("/page.css") { _, _ in
      Self.page("text/css; charset=utf-8", PackageResources.page_css)
    }
    router.get("/page.js") { _, _ in
      Self.page("text/javascript; charset=utf-8", PackageResources.page_js)
    }
    router.get("/healthz") { _, _ in Self.verdict(health.illness) }
    router.get("/readyz") { _, _ in Self.verdict(await unreadiness()) }
    router.get("/metrics") { _, _ in
      Self.response(.ok, ExpositionText.contentType, ByteBuffer(string: await metrics()))
    }
    router.get("/status.json") { _, _ in
      let (json, isAnswered) = await status()
      return Self.response(
        isAnswered ? .ok : .serviceUnavailable,
        "application/json",
        ByteBuffer(string: json)
      )
    }
    router.get("/events") { _, context in events(to: context.address) }
    return router
  }

  private func unreadiness() async -> String? {
    if let reason = health.unreadiness { return reason }
    switch await board.standstill.value {
    case .success(let standstill): return standstill ?? trouble()
    case .failure(let unanswered): return unanswered.words
    }
  }

  /// The page's data, or why there are none.
  private func status() async -> (json: String, isAnswered: Bool) {
    switch await board.page.value {
    case .success(let json): (json, true)
    case .failure(let unanswered): ("{\"error\":\(Escaping.json(unanswered.words))}", false)
    }
  }

  private func metrics() async -> String {
    var text = ExpositionText()
    text.begin(MetricCatalogue.build)
    text.sample(MetricCatalogue.build.name, [("version", Version.current)], 1)
    registry.write(MetricCatalogue.worker + [MetricCatalogue.differences], to: &text)
    text.single(MetricCatalogue.droppedLines, Double(LogQueue.droppedLines))
    MetricCatalogue.write(try? await board.gauges.value.get(), to: &text)
    ProcessMetrics.write(start: start, to: &text)
    return text.text
  }

  /// The page's data, sent whenever it changes, as server-sent events (WHATWG HTML, section 9.2). The
  /// stream ends when the browser closes it or the daemon stops.
  private func events(to address: String) -> Response {
    guard let place = listeners.enter(from: address) else {
      return Self.response(
        .serviceUnavailable,
        "text/plain",
        ByteBuffer(string: "too many browsers show this page; close some\n")
      )
    }
    var response = Self.response(.ok, "text/event-stream", ByteBuffer())
    response.body = ResponseBody { writer in
      defer { withExtendedLifetime(place) {} }
      var shown = ""
      var silence = 0
      while !Task.isShuttingDownGracefully, !Task.isCancelled {
        let json = await status().json
        silence += 1
        if json != shown {
          shown = json
          silence = 0
          try await writer.write(ByteBuffer(string: "event: status\ndata: \(shown)\n\n"))
        } else if silence >= 15 {
          silence = 0
          try await writer.write(ByteBuffer(string: ": still here\n\n"))
        }
        try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(1)) }
      }
      try await writer.finish(nil)
    }
    return response
  }

  private static func verdict(_ complaint: String?) -> Response {
    response(
      complaint == nil ? .ok : .serviceUnavailable,
      "text/plain; charset=utf-8",
      ByteBuffer(string: (complaint ?? "ok") + "\n")
    )
  }

  private static func page(_ type: String, _ bytes: [UInt8]) -> Response {
    response(.ok, type, ByteBuffer(bytes: bytes))
  }

  private static func response(_ status: HTTPResponse.Status, _ type: String, _ body: ByteBuffer)
    -> Response
  {
    Response(
      status: status,
      headers: [
        .contentType: type,
        .cacheControl: "no-store",
        .xContentTypeOptions: "nosniff",
        .contentSecurityPolicy: """
        default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
        base-uri 'none'; form-action 'none'; frame-ancestors 'none'
        """,
      ],
      body: ResponseBody(byteBuffer: body)
    )
  }
}

/// Limits the number of browsers that show the page at the same time: in all, so that there are always
/// connections for health checks and metrics, and for each address.
final class Listeners: Sendable {
  private let counts = Mutex<[String: Int]>([:])
  private static let most = 48
  private static let mostOfOneAddress = 4

  /// A place, which is free again when nobody holds it any more; nil if all are taken.
  func enter(from address: String) -> Place? {
    let isFree = counts.withLock { counts in
      guard counts.values.reduce(0, +) < Self.most,
        counts[address, default: 0] < Self.mostOfOneAddress
      else { return false }
      counts[address, default: 0] += 1
      return true
    }
    return isFree ? Place(self, address) : nil
  }

  /// One place. It is released on `deinit`, because the body of the response is not always written: a
  /// HEAD request drops it, and so does a browser that is gone.
  final class Place: Sendable {
    private let listeners: Listeners
    private let address: String

    fileprivate init(_ listeners: Listeners, _ address: String) {
      self.listeners = listeners
      self.address = address
    }

    deinit {
      listeners.counts.withLock { counts in
        let left = counts[address, default: 1] - 1
        counts[address] = left > 0 ? left : nil
      }
    }
  }
}
