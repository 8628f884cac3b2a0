import Hummingbird
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Testing

@testable import codemint

@Suite("What others can take of the web server")
struct ConnectionLimitTests {
  /// A connection to a server with 4 places and 2 spare ones.
  private struct Connection {
    let channel: EmbeddedChannel

    init(_ limits: ConnectionLimits, from address: String = "127.0.0.1") throws {
      channel = EmbeddedChannel(handler: ConnectionGuard(limits))
      channel.remoteAddress = try SocketAddress(ipAddress: address, port: 1)
      try channel.connect(to: SocketAddress(ipAddress: address, port: 1)).wait()
    }

    /// Whether it has been closed.
    var isClosed: Bool { !channel.isActive }

    func request(_ path: String = "/") throws {
      let head = HTTPRequest(method: .get, scheme: "http", authority: "localhost", path: path)
      try channel.writeInbound(HTTPRequestPart.head(head))
      if channel.isActive { try channel.writeInbound(HTTPRequestPart.end(nil)) }
    }

    /// Whether the request reached the routes.
    func isServed() throws -> Bool { try channel.readInbound(as: HTTPRequestPart.self) != nil }

    /// The status that it was answered with; nil if it was not answered.
    func status() throws -> Int? {
      guard case .head(let head)? = try channel.readOutbound(as: HTTPResponsePart.self) else {
        return nil
      }
      return head.status.code
    }

    func pass(_ time: TimeAmount) { channel.embeddedEventLoop.advanceTime(by: time) }
  }

  @Test("beyond the places a request is answered with 503, and beyond those a connection is")
  func places() throws {
    let limits = ConnectionLimits(descriptors: 0)
    let served = try (1...4).map { try Connection(limits, from: "192.0.2.\($0)") }
    for connection in served {
      try connection.request()
      #expect(try connection.isServed() && !connection.isClosed)
    }
    let refused = try (1...2).map { try Connection(limits, from: "192.0.2.\($0)") }
    #expect(refused.allSatisfy { !$0.isClosed })
    let turnedAway = try Connection(limits)
    #expect(try turnedAway.status() == 503 && turnedAway.isClosed)

    try refused[0].request()
    #expect(try refused[0].status() == 503 && refused[0].isClosed)
    #expect(try !refused[0].isServed())
    refused[1].pass(ConnectionGuard.longestFarewell)
    #expect(try refused[1].isClosed && refused[1].status() == nil)

    try served[0].channel.close().wait()
    let next = try Connection(limits)
    try next.request()
    #expect(try next.isServed())
  }

  @Test("one address leaves places for others, and a health check is answered when none is left")
  func addresses() throws {
    let limits = ConnectionLimits(descriptors: 1024)
    let greedy = try (1...48).map { _ in try Connection(limits) }
    for connection in greedy { try connection.request() }
    let more = try Connection(limits)
    try more.request()
    #expect(try more.status() == 503 && more.isClosed)
    let other = try Connection(limits, from: "192.0.2.1")
    try other.request()
    #expect(try other.isServed())
    let check = try Connection(limits)
    try check.request("/readyz")
    guard case .head(let head)? = try check.channel.readInbound(as: HTTPRequestPart.self) else {
      Issue.record("the health check was not answered")
      return
    }
    #expect(head.path == "/readyz" && head.headerFields[.connection] == "close")
    // Nothing more is answered on this connection.
    try check.request("/status.json")
    guard case .end? = try check.channel.readInbound(as: HTTPRequestPart.self) else {
      Issue.record("the health check has no end")
      return
    }
    #expect(try !check.isServed())
  }

  @Test("a request that does not end is given up")
  func slowRequest() throws {
    let connection = try Connection(ConnectionLimits(descriptors: 1024))
    let head = HTTPRequest(method: .post, scheme: "http", authority: "localhost", path: "/")
    try connection.channel.writeInbound(HTTPRequestPart.head(head))
    for _ in 1...9 {
      connection.pass(.seconds(1))
      try connection.channel.writeInbound(HTTPRequestPart.body(ByteBuffer(string: "x")))
      #expect(!connection.isClosed)
    }
    connection.pass(.seconds(1))
    #expect(connection.isClosed)
  }

  @Test("a reader that accepts nothing is given up; one that accepts a part gets time for the next")
  func slowReader() throws {
    let stuck = StuckWrites()
    let channel = EmbeddedChannel(
      handlers: [stuck, ConnectionGuard(ConnectionLimits(descriptors: 1024))]
    )
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    let part = HTTPResponsePart.body(ByteBuffer(string: "x"))
    for _ in 1...2 { channel.writeAndFlush(part, promise: nil) }
    channel.embeddedEventLoop.advanceTime(by: .seconds(19))
    stuck.accept()
    channel.embeddedEventLoop.advanceTime(by: .seconds(19))
    #expect(channel.isActive)
    channel.embeddedEventLoop.advanceTime(by: .seconds(1))
    #expect(!channel.isActive)
  }

  @Test("a stream that is read stays, however long it is quiet")
  func quietStream() throws {
    let connection = try Connection(ConnectionLimits(descriptors: 1024))
    try connection.request()
    connection.channel.writeAndFlush(
      HTTPResponsePart.head(HTTPResponse(status: .ok)),
      promise: nil
    )
    connection.pass(.hours(1))
    #expect(!connection.isClosed)
  }

  @Test("the web server takes less than a fifth of the descriptors, and 64 places at the most")
  func descriptors() {
    for descriptors in [64, 256, 1024, 65_536, .max] {
      let limits = ConnectionLimits(descriptors: descriptors)
      #expect(limits.places <= 64 && (limits.places + limits.spare) <= descriptors / 5)
    }
    #expect(ConnectionLimits(descriptors: 1024).places == 64)
    #expect(ConnectionLimits(descriptors: 0).places == 4)
  }

  @Test("four browsers at one address may follow the page, and 48 in all")
  func listeners() {
    let listeners = Listeners()
    var places = (1...4).compactMap { _ in listeners.enter(from: "::1") }
    #expect(places.count == 4 && listeners.enter(from: "::1") == nil)
    places.removeLast()
    #expect(listeners.enter(from: "::1") != nil)
    for address in 1...20 {
      places += (1...4).compactMap { _ in listeners.enter(from: "\(address)") }
    }
    #expect(places.count == 48)
  }
}

/// Holds written parts back, as a socket does whose reader does not read.
private final class StuckWrites: ChannelOutboundHandler {
  typealias OutboundIn = HTTPResponsePart

  private var promises: [EventLoopPromise<Void>?] = []

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    promises.append(promise)
  }

  func accept() {
    promises.removeFirst()?.succeed()
  }

  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    for promise in promises { promise?.fail(ChannelError.ioOnClosedChannel) }
    promises = []
    context.close(mode: mode, promise: promise)
  }
}
