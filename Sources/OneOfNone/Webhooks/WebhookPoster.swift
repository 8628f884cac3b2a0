internal import AsyncHTTPClient
internal import Dispatch
internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL
public import Provisioning
internal import Synchronization

/// Posts messages to one webhook, each of them once. It never carries the API key.
///
/// The name in the URL is looked up for each message, the address is judged, and the connection goes to the address
/// that was judged. So a name that leads elsewhere the next moment gains nothing (DNS rebinding). The certificate is
/// checked against the name.
public final class WebhookPoster: Sendable {
  /// How posting a message ended.
  public struct Outcome: Sendable {
    /// What follows from it.
    public let ending: DeliveryEnding
    /// The status of the answer; nil if none came.
    public let status: Int?
    /// The pause that the receiver asked for.
    public let asked: Duration?
  }

  /// Looks a name up. It may take a while.
  typealias Lookup = @Sendable (_ host: String) -> Result<[NetworkAddress], LookupFailure>

  /// Why a name has no address, in words.
  struct LookupFailure: Error, Equatable {
    let words: String
  }

  /// Where messages go.
  public let url: BaseURL
  /// The longest time for one message, from the lookup of the name to the head of the answer.
  public let timeout: Duration
  private let allowsPrivate: Bool
  private let userAgent: String
  private let authorities: [NIOSSLCertificate]?
  private let lookup: Lookup
  /// Lookups block a thread for as long as a name's servers like. This poster has one of its own, because threads
  /// that all share are few, and names of other webhooks would wait for them.
  private let lookups = DispatchQueue(label: "codemint.webhook.lookups")
  private let client = Mutex(Pinned?.none)
  private let memory = AnswerMemory(most: 1 << 20)

  /// Bytes of an answer's body that are read, so that the connection can be used again. Nobody looks at them.
  static let mostBody = 16_384

  /// A poster to this URL.
  ///
  /// - Parameters:
  ///   - allowsPrivate: Whether the URL may lead to this machine or to its own network. Without it plain http is
  ///     refused as well.
  ///   - timeout: The longest time for one message.
  ///   - caFile: A PEM file with the certificates of a private authority, which is trusted instead of the system's.
  /// - Throws: `ConfigurationError`, which names the broken rule and never shows the URL.
  public convenience init(
    _ url: BaseURL,
    allowsPrivate: Bool,
    timeout: Duration,
    caFile: String?,
    version: String
  ) throws(ConfigurationError) {
    try self.init(
      url,
      allowsPrivate: allowsPrivate,
      timeout: timeout,
      caFile: caFile,
      version: version,
      lookup: Self.addresses
    )
  }

  init(
    _ url: BaseURL,
    allowsPrivate: Bool,
    timeout: Duration,
    caFile: String?,
    version: String,
    lookup: @escaping Lookup
  ) throws(ConfigurationError) {
    guard allowsPrivate || !url.isPlain else {
      throw ConfigurationError(
        .baseURL,
        "the URL must begin with https://; plain http is for this machine, where private addresses are allowed"
      )
    }
    self.url = url
    self.allowsPrivate = allowsPrivate
    self.timeout = timeout
    self.lookup = lookup
    userAgent = "codemint/\(version)"
    authorities = try caFile.map(APIConfiguration.readAuthorities(file:))
  }

  /// Posts a message, once.
  ///
  /// - Parameter attempt: Which attempt it is. If the name has several addresses, each attempt takes the next one.
  public func post(_ body: [UInt8], headers: [(String, String)], attempt: Int) async -> Outcome {
    let start = ContinuousClock.now
    let address: NetworkAddress
    switch await choose(attempt) {
    case .success(let chosen): address = chosen
    case .failure(let failure): return Self.outcome(.failed(failure.words))
    }
    let left = timeout - (ContinuousClock.now - start)
    guard left > .zero else { return late }
    var request = HTTPClientRequest(url: url.text)
    request.method = .POST
    request.headers.add(name: "content-type", value: "application/json")
    request.headers.add(name: "user-agent", value: userAgent)
    for (name, value) in headers { request.headers.add(name: name, value: value) }
    request.body = .bytes(body)
    let pinned = pinned(to: address)
    let exchange = Exchange(
      client: pinned.client,
      timeout: left,
      deadline: .timer,
      texts: PublicText(),
      memory: memory,
      most: Self.mostBody
    )
    let ended = await exchange.run(request) { true }
    return withExtendedLifetime(pinned) { conclude(ended) }
  }

  /// The status alone says how it went: the body may be as long, or take as long, as it likes.
  private func conclude(_ ended: Ending) -> Outcome {
    if case .reply(let reply) = ended {
      return Outcome(
        ending: .of(status: reply.status),
        status: reply.status,
        asked: Pause.retryAfter(by: reply.headers, receivedAt: reply.receivedAt)
      )
    }
    if let status = ended.status {
      return Outcome(ending: .of(status: status), status: status, asked: nil)
    }
    switch ended {
    case .timeout: return late
    case .broken(_, let words): return Self.outcome(.failed(words))
    case .cancelled, .reply, .tooLarge: return Self.outcome(.failed("it was given up"))
    }
  }

  private var late: Outcome {
    Self.outcome(.failed("the receiver did not answer within \(timeout.components.seconds) s"))
  }

  private static func outcome(_ ending: DeliveryEnding) -> Outcome {
    Outcome(ending: ending, status: nil, asked: nil)
  }

  /// The address to send to, of those that the name has now.
  private func choose(_ attempt: Int) async -> Result<NetworkAddress, LookupFailure> {
    let (host, lookup) = (url.host, lookup)
    let found = await withCheckedContinuation { continuation in
      lookups.async { continuation.resume(returning: lookup(host)) }
    }
    return found.flatMap { addresses in
      let allowed = addresses.filter(isAllowed)
      guard !allowed.isEmpty else {
        return .failure(
          LookupFailure(words: "\(host) leads to an address that webhooks may not be sent to")
        )
      }
      return .success(allowed[max(0, attempt - 1) % allowed.count])
    }
  }

  /// Plain http must not leave this machine, wherever its name leads.
  private func isAllowed(_ address: NetworkAddress) -> Bool {
    if url.isPlain { return address.isLoopback }
    return switch address.reach {
    case .open: true
    case .enclosed: allowsPrivate
    case .forbidden: false
    }
  }

  /// The client for this address. Its connections are used again, as long as the address stays the same.
  private func pinned(to address: NetworkAddress) -> Pinned {
    client.withLock { client in
      if let client, client.address == address { return client }
      let made = Pinned(
        address,
        Transport.makeClient(
          timeout: timeout,
          authorities: authorities,
          addresses: [url.host: address.description]
        )
      )
      client = made
      return made
    }
  }

  /// A client whose connections all go to one address. It is shut down when nobody uses it any more.
  private final class Pinned: Sendable {
    let address: NetworkAddress
    let client: HTTPClient

    init(_ address: NetworkAddress, _ client: HTTPClient) {
      self.address = address
      self.client = client
    }

    deinit {
      client.shutdown { _ in }
    }
  }
}

extension WebhookPoster {
  /// The addresses of a host, as the system knows them (getaddrinfo(3)).
  @Sendable
  static func addresses(of host: String) -> Result<[NetworkAddress], LookupFailure> {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, nil, &hints, &list)
    defer { if list != nil { freeaddrinfo(list) } }
    guard code == 0 else {
      let words = String(cString: gai_strerror(code))
      return .failure(LookupFailure(words: "the name \(host) cannot be resolved: \(words)"))
    }
    var addresses: [NetworkAddress] = []
    var next = list
    while let entry = next {
      if let address = read(entry.pointee), !addresses.contains(address) {
        addresses.append(address)
      }
      next = entry.pointee.ai_next
    }
    return .success(addresses)
  }

  private static func read(_ entry: addrinfo) -> NetworkAddress? {
    guard let place = entry.ai_addr else { return nil }
    let start: Int
    let count: Int
    switch entry.ai_family {
    case AF_INET: (start, count) = (MemoryLayout<sockaddr_in>.offset(of: \.sin_addr) ?? 0, 4)
    case AF_INET6: (start, count) = (MemoryLayout<sockaddr_in6>.offset(of: \.sin6_addr) ?? 0, 16)
    default: return nil
    }
    guard Int(entry.ai_addrlen) >= start + count else { return nil }
    let bytes = UnsafeRawBufferPointer(start: place, count: Int(entry.ai_addrlen))
    return NetworkAddress(Array(bytes[start..<start + count]))
  }
}
