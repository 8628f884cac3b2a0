import Foundation
import HTTPTypes
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
  /// The host of the API, as the page names it.
  let api: String
  private let hosts: LoopbackHosts
  private let listeners = Listeners()
  private let start = Date().timeIntervalSince1970

  /// - Parameters:
  ///   - host: The host of `http.listen`.
  ///   - api: The host of the API.
  init(
    host: String,
    api: String,
    health: Health,
    registry: MetricsRegistry,
    queries: OverviewQueries,
    trouble: @escaping @Sendable () -> String?
  ) {
    self.trouble = trouble
    self.api = api
    hosts = LoopbackHosts(configured: host)
    self.health = health
    self.registry = registry
    board = StatusBoard(queries: queries)
  }

  var router: Router<WebContext> {
    let router = Router(context: WebContext.self, options: .autoGenerateHeadEndpoints)
    router.add(middleware: HostCheck(hosts: hosts))
    router.get("/") { request, _ in await page(Self.filter(of: request)) }
    router.get("/jobs/:job") { _, context in await job(context.parameters.get("job")) }
    router.get("/icon/:level") { _, context in Self.icon(context.parameters.get("level")) }
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
    router.get("/events") { _, context in
      stream(to: context.address) { Event("status", await status().json) }
    }
    router.get("/live") { request, context in
      let filter = Self.filter(of: request)
      return stream(to: context.address) { await content(filter) }
    }
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
    case .success(let facts): (facts.dated, true)
    case .failure(let unanswered): ("{\"error\":\(Escaping.json(unanswered.words))}", false)
    }
  }

  /// The status page, with the jobs that the filter lets through.
  private func page(_ filter: StatusPage.Filter) async -> Response {
    switch await readable(filter) {
    case .success(let (page, asOf)): Self.html(page.document(asOf: asOf))
    case .failure(let unanswered): Self.excuse(.serviceUnavailable, unanswered.words, root: "")
    }
  }

  /// What changes of the page.
  private func content(_ filter: StatusPage.Filter) async -> Event {
    switch await readable(filter) {
    case .success(let (page, asOf)):
      Event("page", page.content.markup, time: StatusPage.asOf(asOf).markup)
    case .failure(let unanswered): Event("gone", unanswered.words)
    }
  }

  private func readable(_ filter: StatusPage.Filter) async
    -> StatusBoard.Answer<(StatusPage, String)>
  {
    async let counted = board.minutes.value
    let answer = await board.page.value
    let minutes = await counted
    return answer.flatMap { found in
      do {
        let facts: LedgerReport.Page = try LedgerReport.read(found.json)
        let page = StatusPage(facts: facts, minutes: minutes, filter: filter, api: api)
        return .success((page, found.asOf))
      } catch {
        return .failure(StatusBoard.Unanswered("the database has the views of another version"))
      }
    }
  }

  /// The page of one job.
  private func job(_ number: String?) async -> Response {
    guard let number = number.flatMap(Int64.init) else {
      return Self.excuse(.notFound, "there is no such job", root: "../")
    }
    switch await board.jobs.explain(number) {
    case .success(let text):
      let facts = text.flatMap { try? LedgerReport.read($0) as LedgerReport.Explanation }
      guard let facts else {
        return Self.excuse(.notFound, "there is no job \(number)", root: "../")
      }
      return Self.html(JobPage(facts: facts).document)
    case .failure(let unanswered):
      return Self.excuse(.serviceUnavailable, unanswered.words, root: "../")
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

  /// Something that is sent whenever it changes, as server-sent events (WHATWG HTML, section 9.2). The
  /// stream ends when the browser closes it or the daemon stops.
  private func stream(
    to address: String,
    _ look: @escaping @Sendable () async -> Event
  ) -> Response {
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
      var shown: Event?
      var silence = 0
      while !Task.isShuttingDownGracefully, !Task.isCancelled {
        let event = await look()
        silence += 1
        if let text = event.text(after: shown) {
          silence = 0
          try await writer.write(ByteBuffer(string: text))
        } else if silence >= 15 {
          silence = 0
          try await writer.write(ByteBuffer(string: ": still here\n\n"))
        }
        shown = event
        try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(1)) }
      }
      try await writer.finish(nil)
    }
    return response
  }

  /// An event of a stream.
  private struct Event: Sendable {
    let name: String
    let data: String
    /// When the data were true, which is sent alone if nothing else has changed.
    let time: String?

    init(_ name: String, _ data: String, time: String? = nil) {
      self.name = name
      self.data = data
      self.time = time
    }

    /// What is to be sent to who has seen `before`; nil if it is the same.
    func text(after before: Event?) -> String? {
      var text = ""
      if before?.name != name || before?.data != data {
        text += "event: \(name)\ndata: \(data)\n\n"
      }
      if let time, before?.time != time { text += "event: time\ndata: \(time)\n\n" }
      return text.isEmpty ? nil : text
    }
  }

  private static func filter(of request: Request) -> StatusPage.Filter {
    StatusPage.Filter(
      state: request.uri.queryParameters["state"].map { String($0).replacing("+", with: " ") },
      text: request.uri.queryParameters["q"].map {
        String($0.prefix(200)).replacing("+", with: " ")
      }
    )
  }

  /// The icon of a level: a colour and a sign.
  private static func icon(_ file: String?) -> Response {
    let levels = ["well", "waiting", "needs you", "stopped"]
    guard let level = levels.first(where: { "\($0.slug).svg" == file }) else {
      return response(.notFound, "text/plain", ByteBuffer(string: "no such icon\n"))
    }
    let colour = ["well": "#0b6b57", "waiting": "#8a4b00"][level, default: "#b3261e"]
    let svg = """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="16" fill="\(colour)"/>\
      <text x="16" y="23" font-size="20" font-family="sans-serif" text-anchor="middle" fill="#fff">\(level.mark)</text>\
      </svg>
      """
    return response(.ok, "image/svg+xml", ByteBuffer(string: svg))
  }

  private static func html(_ html: HTML, _ status: HTTPResponse.Status = .ok) -> Response {
    response(status, "text/html; charset=utf-8", ByteBuffer(string: html.markup + "\n"))
  }

  /// A page that says why there is none.
  private static func excuse(_ status: HTTPResponse.Status, _ words: String, root: String)
    -> Response
  {
    let page = StatusPage.document(
      title: "\("stopped".mark) \(words) - codemint",
      level: "stopped",
      root: root,
      body: """
        <header><h1>codemint</h1><p id="asof"></p><p><a href="\(root.isEmpty ? "./" : root)">All jobs</a></p></header>\
        <main id="main" tabindex="-1"><p id="verdict" class="verdict stopped" role="status">\(words)</p></main>
        """
    )
    return html(page, status)
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
    var headers: HTTPFields = [
      .contentType: type,
      .cacheControl: "no-store",
      .xContentTypeOptions: "nosniff",
      .contentSecurityPolicy: """
      default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
      base-uri 'none'; form-action 'none'; frame-ancestors 'none'
      """,
    ]
    if status == .serviceUnavailable { headers[.retryAfter] = "5" }
    return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: body))
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
