// OneOfNone is the client of the One of None API, the only part of codemint that speaks HTTP to it.
//
// The generate call cannot be repeated safely: it has no idempotency key, and codes cost money. So
// what matters here is not only to send a request once, but to say truthfully what its ending
// proves. `Exchange` runs one request to its ending under one deadline; the request's body passes a
// `BodyGate`, which knows for certain whether it was ever handed over; `Judgement`, a pure function,
// turns both into a `CallOutcome`. When in doubt the answer is "unknown", never a guess.
//
// Rooms: Configuration (settings, checked once), Exchange (the HTTP client, the gate, the deadline),
// Judgement (what an ending proves, how long to pause), Decoding (the API's JSON), Listing (the
// other calls). No API key and no code value is in any text that leaves this module.

internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
public import Provisioning
internal import Synchronization

/// A client of the One of None API for one account. Must be shut down before it is let go.
public final class APIClient: CodeIssuer {
  let configuration: APIConfiguration
  let texts: PublicText
  /// Whether the API has refused to list in an order that was asked for.
  let refusesOrder = Atomic(false)
  /// The same for the order of changes.
  let refusesOrderOfChanges = Atomic(false)
  /// What answers have said of the pace and nobody has taken yet.
  private let feedback = Mutex<PaceFeedback?>(nil)
  private let client: HTTPClient
  private let deadline: Deadline

  /// A client with these settings. Opens no connection before the first request.
  public convenience init(_ configuration: APIConfiguration) {
    self.init(configuration, deadline: .timer)
  }

  init(_ configuration: APIConfiguration, deadline: Deadline) {
    self.deadline = deadline
    self.configuration = configuration
    texts = PublicText(hiding: configuration.key)
    client = Transport.makeClient(configuration)
  }

  /// Asks for the codes of one call with `POST /v1/rewards/{id}/codes/generate`, sent at most once.
  ///
  /// If the calling task is cancelled, a request whose body has not been handed over is withdrawn
  /// (`unsent`); one that has been sent is waited for to its end, within the timeout.
  ///
  /// - Parameters:
  ///   - call: The reward, the prefix and the number of codes.
  ///   - mayStillSend: Asked once, under a lock, when the body is produced; must be quick and must
  ///     not call back into the client.
  public func generate(
    _ call: Call,
    mayStillSend: @escaping @Sendable () -> Bool
  ) async -> CallReport {
    let start = ContinuousClock.now
    let gate = BodyGate(mayStillSend: mayStillSend)
    let body = GatedBytes(GenerateBody.bytes(size: call.size, prefix: call.prefix), gate: gate)
    var request = request(.POST, "/v1/rewards/\(call.reward)/codes/generate")
    request.headers.add(name: "content-type", value: "application/json")
    request.body = .bytes(body, length: .known(Int64(body.count)))
    let ending = await exchange().run(request) { gate.withdraw() }
    let passage = gate.close()
    // A refusal for the pace is what the call's own report tells.
    if ending.status != 429 { note(ending) }
    let outcome = Judgement(texts: texts.about(prefix: call.prefix))
      .outcome(of: ending, body: passage)
    return CallReport(
      outcome: outcome,
      httpStatus: ending.status,
      duration: ContinuousClock.now - start,
      rawAnswer: ending.bodyWorthKeeping(outcome)
    )
  }

  /// Checks the API key with `GET /v1/team`, which changes nothing.
  public func checkTeam() async -> TeamAnswer {
    switch await ending(of: request(.GET, "/v1/team")) {
    case .reply(let reply) where (200..<300).contains(reply.status):
      return .accepted
    case .reply(let reply):
      let said = ErrorBody(status: reply.status, body: reply.body, texts: texts)
      guard [401, 403].contains(reply.status) else { return .unreachable(said.message) }
      return .refused(code: said.code, message: said.message)
    case .tooLarge(let status) where (200..<300).contains(status):
      return .accepted
    case .tooLarge(let status):
      return .unreachable("the API answered \(status) with far too long a body")
    case .timeout:
      return .unreachable("no complete answer of the API in time")
    case .cancelled:
      return .unreachable("the check was given up")
    case .broken(_, let cause):
      return .unreachable(cause)
    }
  }

  /// Closes all connections. What is under way ends as broken. Doing it again does nothing.
  public func shutdown() async {
    // The only error there is says that it was shut down before, which is what is wanted.
    try? await client.shutdown()
  }

  /// Runs a request that may be given up at any moment, since repeating it does no harm.
  func ending(of request: HTTPClientRequest) async -> Ending {
    let ending = await exchange().run(request) { true }
    note(ending)
    return ending
  }

  /// What answers have said of the pace since the last time of asking.
  public func takeFeedback() -> PaceFeedback? {
    feedback.withLock { feedback in
      defer { feedback = nil }
      return feedback
    }
  }

  private func note(_ ending: Ending) {
    guard case .reply(let reply) = ending, let said = Feedback.of(reply) else { return }
    feedback.withLock { $0 = $0?.joined(with: said) ?? said }
  }

  /// A request with the headers that every call has.
  ///
  /// - Parameter target: The path from `/v1` on, with the query, percent-encoded.
  func request(_ method: HTTPMethod, _ target: String) -> HTTPClientRequest {
    var request = HTTPClientRequest(url: configuration.baseURL.text + target)
    request.method = method
    request.headers.add(name: "x-api-key", value: configuration.key.value)
    request.headers.add(name: "user-agent", value: configuration.userAgent)
    request.headers.add(name: "accept", value: "application/json")
    return request
  }

  private func exchange() -> Exchange {
    Exchange(client: client, timeout: configuration.timeout, deadline: deadline, texts: texts)
  }
}
