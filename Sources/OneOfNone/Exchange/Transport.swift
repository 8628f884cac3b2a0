internal import AsyncHTTPClient
internal import Glibc
internal import NIOCore
internal import NIOHTTPCompression
internal import NIOPosix
internal import NIOSSL
internal import Provisioning

/// The configuration of HTTP clients, which must never send anything twice.
enum Transport {
  /// The longest time after an answer for which its connection is used again. Servers usually close
  /// idle connections after five seconds or more (protocol, rule 4).
  static let longestIdle = TimeAmount.seconds(2)
  /// The longest wait for a connection and its TLS handshake.
  static let longestConnect = Duration.seconds(10)

  static let userTimeout = NIOBSDSocket.Option(rawValue: TCP_USER_TIMEOUT)

  /// - Parameters:
  ///   - timeout: The longest time for one request.
  ///   - authorities: The only trusted authorities; nil for those of the system.
  ///   - addresses: Addresses of hosts that are not looked up.
  static func makeClient(
    timeout: Duration,
    authorities: [NIOSSLCertificate]?,
    addresses: [String: String] = [:]
  ) -> HTTPClient {
    var settings = HTTPClient.Configuration()
    settings.dnsOverride = addresses
    settings.httpVersion = .http1Only
    settings.redirectConfiguration = .disallow
    // codemint asks for no compression, and some proxies compress all the same.
    settings.decompression = .enabled(limit: .size(Bounds.answerBytes))
    settings.timeout.connect = .nanoseconds(
      min(timeout, longestConnect).nanoseconds
    )
    settings.connectionPool.idleTimeout = longestIdle
    settings.connectionPool.retryConnectionEstablishment = false
    // The worker limits the calls in flight. Here no call shall wait for another call's connection.
    settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit =
      Bounds.maxInFlight.upperBound
    settings.tracing.tracer = nil
    settings.tlsConfiguration = tls(authorities)
    settings.http1_1ConnectionDebugInitializer = { channel in
      channel.eventLoop.makeCompletedFuture { try OneResponse.guardConnection(channel) }
        .flatMap { limitSilence(of: channel, to: timeout) }
    }
    // Without a logger the client discards its log messages, so headers and bodies reach no log.
    return HTTPClient(
      eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
      configuration: settings
    )
  }

  /// Sets TCP_USER_TIMEOUT. If the server does not acknowledge bytes for so long, the kernel closes the
  /// connection. So it does not deliver a request minutes after the call was given up (protocol, rule
  /// 4).
  static func limitSilence(of channel: any Channel, to limit: Duration) -> EventLoopFuture<Void> {
    let option = ChannelOptions.Types.SocketOption(level: .tcp, name: userTimeout)
    let milliseconds = max(1, min(limit.milliseconds, Int64(Int32.max)))
    return channel.setOption(option, value: SocketOptionValue(milliseconds))
  }

  private static func tls(_ authorities: [NIOSSLCertificate]?) -> TLSConfiguration {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.minimumTLSVersion = .tlsv12
    if let authorities {
      tls.trustRoots = .certificates(authorities)
    }
    return tls
  }
}
