import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Testing

/// A server of bare sockets that misbehaves as told, and writes down what came over the wire.
///
/// It knows just enough of HTTP to tell one request from the next. A script decides, at each
/// moment of a request, what the server does; where the script says nothing, it does nothing.
final class RawServer: Sendable {
  /// A moment of a request, numbered over all connections from 1.
  enum Moment: Sendable {
    /// The head has arrived.
    case head(Int)
    /// The body has arrived too.
    case body(Int)
  }

  /// What came over the wire.
  struct Wire: Sendable {
    var heads: [String] = []
    var bodies: [String] = []
    /// Bytes after a head that are not a whole body.
    var partialBodyBytes = 0
    /// Bytes that the kernel took from this server.
    var sentBytes = 0

    var posts: Int { heads.count { $0.hasPrefix("POST ") } }
  }

  typealias Script = @Sendable (Peer, Moment) -> Void

  let port: Int
  private let listener: any Channel
  private let wire = Mutex(Wire())
  private let children = Mutex<[any Channel]>([])

  private init(listener: any Channel) {
    self.listener = listener
    port = listener.localAddress?.port ?? 0
  }

  static func start(tls: NIOSSLContext? = nil, _ script: @escaping Script) async throws -> RawServer
  {
    let box = Box()
    let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let tls {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
          }
          let server = try box.server.withLock { server in
            guard let server else { throw ChannelError.alreadyClosed }
            return server
          }
          server.children.withLock { $0.append(channel) }
          try channel.pipeline.syncOperations.addHandler(RequestRecorder(server, script))
        }
      }
      // No connection is accepted before the server that records it exists.
      .serverChannelOption(.autoRead, value: false)
      .bind(host: "127.0.0.1", port: 0).get()
    let server = RawServer(listener: listener)
    box.server.withLock { $0 = server }
    try await listener.setOption(.autoRead, value: true).get()
    return server
  }

  /// Waits until the clients have closed every connection, and says what came over the wire. Asked
  /// after the client was shut down, nothing can come any more.
  func end() async throws -> Wire {
    try? await listener.close().get()
    for child in children.withLock({ $0 }) {
      try? await child.setOption(.autoRead, value: true).get()
      try? await child.closeFuture.get()
    }
    return wire.withLock { $0 }
  }

  func record<R>(_ change: (inout Wire) -> R) -> R {
    wire.withLock { change(&$0) }
  }

  private final class Box: Sendable {
    let server = Mutex<RawServer?>(nil)
  }
}

/// What a script can do with one connection.
struct Peer: Sendable {
  let channel: any Channel
  let server: RawServer

  func close() {
    channel.close(promise: nil)
  }

  func send(_ text: String) {
    channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
  }

  func send(_ bytes: [UInt8]) {
    channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
  }

  func sendAndClose(_ text: String) {
    sendAndClose(Array(text.utf8))
  }

  func sendAndClose(_ bytes: [UInt8]) {
    channel.writeAndFlush(ByteBuffer(bytes: bytes)).whenComplete { _ in
      channel.close(promise: nil)
    }
  }

  /// Closes with a RST instead of a FIN.
  func reset() {
    guard let options = channel as? any SocketOptionProvider else {
      Issue.record("this channel is no socket")
      return
    }
    options.setSoLinger(linger(l_onoff: 1, l_linger: 0))
      .whenComplete { _ in channel.close(promise: nil) }
  }

  func stopReading() {
    channel.setOption(.autoRead, value: false).whenFailure { _ in }
  }

  /// Sends the same chunk so many times, each when the kernel has taken the one before.
  func pour(_ chunk: ByteBuffer, times: Int) {
    guard times > 0 else { return }
    channel.writeAndFlush(chunk).whenSuccess {
      server.record { $0.sentBytes += chunk.readableBytes }
      pour(chunk, times: times - 1)
    }
  }

  /// Sends a blank every few milliseconds until the connection is gone, and tells how many.
  func drip(_ sent: @escaping @Sendable (Int) -> Void) {
    channel.eventLoop.execute { drip(after: 0, sent) }
  }

  private func drip(after count: Int, _ sent: @escaping @Sendable (Int) -> Void) {
    send(" ")
    sent(count + 1)
    channel.eventLoop.scheduleTask(in: .milliseconds(2)) {
      if channel.isActive { drip(after: count + 1, sent) }
    }
  }
}

/// Cuts the bytes of one connection into requests.
private final class RequestRecorder: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let server: RawServer
  private let script: RawServer.Script
  private var bytes: [UInt8] = []
  private var awaited: (number: Int, length: Int)?

  init(_ server: RawServer, _ script: @escaping RawServer.Script) {
    self.server = server
    self.script = script
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    bytes.append(contentsOf: unwrapInboundIn(data).readableBytesView)
    let peer = Peer(channel: context.channel, server: server)
    while let moment = next() { script(peer, moment) }
  }

  func channelInactive(context: ChannelHandlerContext) {
    let rest = bytes.count
    server.record { $0.partialBodyBytes += rest }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func next() -> RawServer.Moment? {
    if let (number, length) = awaited {
      guard bytes.count >= length else { return nil }
      let body = String(decoding: bytes.prefix(length), as: UTF8.self)
      bytes.removeFirst(length)
      awaited = nil
      server.record { $0.bodies.append(body) }
      return .body(number)
    }
    guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
    let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
    bytes.removeFirst(end.upperBound)
    let number = server.record { wire in
      wire.heads.append(head)
      return wire.heads.count
    }
    let length = Head.values(of: "content-length", in: head).first.flatMap { Int($0) } ?? 0
    awaited = (number, length)
    return .head(number)
  }
}

/// Reads the fields of a head.
enum Head {
  static func values(of name: String, in head: String) -> [String] {
    head.split(separator: "\r\n").dropFirst().compactMap { line in
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, parts[0].lowercased() == name else { return nil }
      return parts[1].drop { $0 == " " }.description
    }
  }
}
