internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import Provisioning
internal import Synchronization

/// One request from its start to its ending, under one deadline for connection, head and body.
///
/// The client's own deadline ends with the answer's head, so the deadline here is another: it
/// cancels the task that runs the request, and the client then closes the connection.
final class Exchange: Sendable {
  private let client: HTTPClient
  private let timeout: Duration
  private let deadline: Deadline
  private let texts: PublicText
  private let progress = Mutex((status: Int?.none, isLate: false))

  init(client: HTTPClient, timeout: Duration, deadline: Deadline, texts: PublicText) {
    self.client = client
    self.timeout = timeout
    self.deadline = deadline
    self.texts = texts
  }

  /// Runs the request, once.
  ///
  /// - Parameter mayCancel: Asked if the calling task is cancelled. The request runs in a task of
  ///   its own, so that a cancelled caller still gets the ending of what has already been sent.
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
      guard let body = try await read(response) else { return .tooLarge(status: status) }
      // A cancelled body may end instead of throwing: what was read then is not the answer.
      try Task.checkCancellation()
      return .reply(
        Reply(status: status, headers: response.headers, body: body, receivedAt: .now())
      )
    } catch {
      let (status, isLate) = progress.withLock { $0 }
      if isLate { return .timeout(status: status) }
      if error is CancellationError { return .cancelled }
      return .broken(status: status, texts.clean(FailureText.describe(error), limit: 300))
    }
  }

  /// The body, or nil if it is longer than codemint reads.
  private func read(_ response: HTTPClientResponse) async throws -> [UInt8]? {
    let declared = response.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
    guard declared <= Bounds.answerBytes else { return nil }
    var body: [UInt8] = []
    body.reserveCapacity(declared)
    for try await part in response.body {
      guard body.count + part.readableBytes <= Bounds.answerBytes else { return nil }
      body.append(contentsOf: part.readableBytesView)
    }
    return body
  }
}
