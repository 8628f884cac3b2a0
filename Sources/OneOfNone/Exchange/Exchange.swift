internal import AsyncHTTPClient
internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPCompression
internal import NIOPosix
internal import NIOSSL
internal import Provisioning
internal import Synchronization

/// One request from its start to its ending, under one deadline for connection, head and body.
///
/// The HTTP client's own deadline ends with the head of the answer, so this has another one. It cancels
/// the task that runs the request, and the client then closes the connection.
final class Exchange: Sendable {
  private let client: HTTPClient
  private let timeout: Duration
  private let deadline: Deadline
  private let texts: PublicText
  private let memory: AnswerMemory
  /// The most bytes of a body that are read.
  private let most: Int
  private let progress = Mutex((status: Int?.none, isLate: false))

  init(
    client: HTTPClient,
    timeout: Duration,
    deadline: Deadline,
    texts: PublicText,
    memory: AnswerMemory,
    most: Int = Bounds.answerBytes
  ) {
    self.client = client
    self.timeout = timeout
    self.deadline = deadline
    self.texts = texts
    self.memory = memory
    self.most = most
  }

  /// Runs the request, once.
  ///
  /// - Parameter mayCancel: Called if the calling task is cancelled. The request runs in its own task,
  ///   so that a cancelled caller still gets the ending of a request that was sent.
  func run(
    _ request: HTTPClientRequest,
    mayCancel: @escaping @Sendable () -> Bool
  ) async -> Ending {
    if Task.isCancelled, mayCancel() { return .cancelled }
    let attempt = Task { await self.attempt(request) }
    let callOff = deadline.start(timeout) {
      self.progress.withLock { $0.isLate = true }
      attempt.cancel()
    }
    defer { callOff() }
    return await withTaskCancellationHandler {
      await attempt.value
    } onCancel: {
      if mayCancel() { attempt.cancel() }
    }
  }

  private func attempt(_ request: HTTPClientRequest) async -> Ending {
    do {
      let response = try await client.execute(request, deadline: .distantFuture)
      let status = Int(response.status.code)
      progress.withLock { $0.status = status }
      let place = AnswerMemory.Place(in: memory)
      guard let body = try await read(response, place) else { return .tooLarge(status: status) }
      // The body of a cancelled request may end without an error, and is then not the whole answer.
      try Task.checkCancellation()
      return .reply(
        Reply(
          status: status,
          headers: response.headers,
          body: body,
          receivedAt: .now(),
          httpVersion: "\(response.version)",
          place: place
        )
      )
    } catch {
      let (status, isLate) = progress.withLock { $0 }
      if isLate { return .timeout(status: status) }
      if error is CancellationError { return .cancelled }
      if let status, case NIOHTTPDecompression.DecompressionError.limit = error {
        return .tooLarge(status: status)
      }
      return .broken(status: status, texts.clean(FailureText.describe(error), limit: 300))
    }
  }

  /// The body, or nil if it is longer than `most`, or if there is no memory left for it.
  private func read(_ response: HTTPClientResponse, _ place: AnswerMemory.Place) async throws
    -> [UInt8]?
  {
    let declared = response.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
    guard declared <= most else { return nil }
    var body: [UInt8] = []
    for try await part in response.body {
      guard body.count + part.readableBytes <= most,
        place.grow(by: part.readableBytes)
      else { return nil }
      body.append(contentsOf: part.readableBytesView)
    }
    return body
  }
}

/// Calls a function after a time, unless it is cancelled before.
///
/// It is a value, so that tests can let a deadline pass at an exact moment of a request.
struct Deadline: Sendable {
  /// Starts the timer and returns a function that cancels it.
  let start: @Sendable (Duration, @escaping @Sendable () -> Void) -> @Sendable () -> Void

  /// A deadline on the monotonic clock of the event loops.
  static let timer = Deadline { timeout, expire in
    let task = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(
      in: .nanoseconds(timeout.nanoseconds),
      expire
    )
    return { task.cancel() }
  }
}

/// Describes a network failure for people. What a failure proves never follows from its type, because
/// the same errors come before and after a body was sent.
enum FailureText {
  static func describe(_ error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
      describe(error)
    case let error as HTTPClientError:
      describe(error)
    case let error as NIOSSLError:
      if case .handshakeFailed(let cause) = error {
        "the TLS handshake failed: \(cause)"
      } else {
        "TLS failed: \(error)"
      }
    case is NIOHTTPDecompression.DecompressionError,
      is NIOHTTPDecompression.ExtraDecompressionError:
      "the compressed answer is damaged: \(error)"
    case is ChannelError:
      "the connection was closed"
    default:
      "the connection failed: \(words(for: error))"
    }
  }

  /// The system's own word for its error (errno(3)): NIO's has the name of the call with it, which may be another.
  private static func words(for error: any Error) -> String {
    guard let error = error as? IOError else { return "\(error)" }
    return String(cString: strerror(error.errnoCode))
  }

  private static func describe(_ error: NIOConnectionError) -> String {
    let place = "\(error.host), port \(error.port)"
    if let cause = error.connectionErrors.first {
      return "cannot connect to \(place): \(words(for: cause.error))"
    }
    if let cause = error.dnsAError ?? error.dnsAAAAError {
      return "the name \(error.host) cannot be resolved: \(cause)"
    }
    return "cannot connect to \(place)"
  }

  private static func describe(_ error: HTTPClientError) -> String {
    if error == .connectTimeout { return "the connection could not be opened in time" }
    if error == .remoteConnectionClosed { return "the server closed the connection" }
    if error == .tlsHandshakeTimeout { return "the TLS handshake did not end in time" }
    return "the HTTP client failed: \(error)"
  }
}
