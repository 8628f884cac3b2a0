import NIOCore
import NIOPosix
import NIOSSL
import Provisioning
import Testing

@testable import OneOfNone

@Suite("Without a connection nothing was sent")
struct UnsentTests {
  @Test("a refused connection is not sent")
  func refused() async throws {
    // Nobody listens there, and no other test is given that port meanwhile.
    try await withClient(base: "http://127.0.0.1:1") { client in
      let report = await client.generate()
      #expect(report.outcome.isWithoutConnection)
      #expect(!String(reflecting: report).contains(testKey))
    }
  }

  @Test("a name that does not resolve is not sent")
  func noSuchName() async throws {
    try await withClient(base: "https://codemint-test.invalid") { client in
      let report = await client.generate()
      #expect(report.outcome.isWithoutConnection)
      #expect(!String(reflecting: report).contains(testKey))
    }
  }

  @Test("a TLS handshake with something that is not TLS is not sent")
  func notTLS() async throws {
    let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.pipeline.addHandler(Greeter())
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let port = try #require(listener.localAddress?.port)
    try await withClient(base: "https://127.0.0.1:\(port)") { client in
      let report = await client.generate()
      #expect(report.outcome.isWithoutConnection)
      #expect(report.httpStatus == nil)
    }
    try await listener.close().get()
  }

  @Test("a certificate of the private authority is accepted, and the call is sent over TLS")
  func privateAuthority() async throws {
    try await Certificates.with { certificates in
      let server = try await RawServer.start(tls: certificates.serverContext()) { peer, moment in
        if case .body = moment { peer.send(Sample.created) }
      }
      let base = "https://localhost:\(server.port)"
      try await withClient(base: base, caFile: certificates.authority) { client in
        #expect(await client.generate().outcome.isIssued)
      }
      #expect(try await server.end().posts == 1)
    }
  }

  @Test("a certificate of another or an unknown authority is refused before a byte is sent")
  func wrongAuthority() async throws {
    try await Certificates.with { certificates in
      for caFile in [certificates.otherAuthority, nil] {
        let server = try await RawServer.start(tls: certificates.serverContext()) { peer, moment in
          if case .body = moment { peer.send(Sample.created) }
        }
        let base = "https://localhost:\(server.port)"
        try await withClient(base: base, caFile: caFile) { client in
          #expect(await client.generate().outcome.isWithoutConnection)
        }
        #expect(try await server.end().heads.isEmpty)
      }
    }
  }

  @Test("a certificate for another name is refused before a byte is sent")
  func wrongName() async throws {
    try await Certificates.with { certificates in
      let server = try await RawServer.start(tls: certificates.serverContext()) { _, _ in }
      let base = "https://127.0.0.1:\(server.port)"
      try await withClient(base: base, caFile: certificates.authority) { client in
        #expect(await client.generate().outcome.isWithoutConnection)
      }
      #expect(try await server.end().heads.isEmpty)
    }
  }

  @Test("bytes that nobody acknowledges end the connection after the timeout")
  func userTimeout() async throws {
    let server = try await RawServer.start { _, _ in }
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: "127.0.0.1", port: server.port).get()
    try await Transport.limitSilence(of: channel, to: .seconds(30)).get()
    let option = ChannelOptions.Types.SocketOption(level: .tcp, name: Transport.userTimeout)
    #expect(try await channel.getOption(option).get() == 30_000)
    try await channel.close().get()
    _ = try await server.end()
  }
}

/// Speaks first, as a mail server does.
private final class Greeter: ChannelInboundHandler, Sendable {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  func channelActive(context: ChannelHandlerContext) {
    let greeting = ByteBuffer(string: "220 mail.example ESMTP\r\n")
    context.writeAndFlush(wrapOutboundOut(greeting), promise: nil)
  }
}
