// OneOfNone is the client of the One of None API. No other part of codemint sends HTTP requests. Webhooks go
// through the same layer (Webhooks/), but to other hosts and never with the API key.
//
// The generate call cannot be repeated safely: it has no idempotency key, and codes cost money. So the
// client sends each request at most once, and says exactly what its ending proves. `Exchange` runs one
// request to its ending under one deadline. The request's body passes a `BodyGate`, which knows for
// certain whether the body was handed over. `Judgement`, a pure function, turns both into a
// `CallOutcome`. If nothing is proven, the outcome is "unknown", never a guess.
//
// Configuration/ has the settings, which are checked once. Exchange/ has the HTTP client, the gate and
// the deadline. Judgement/ decides what an ending proves and how long to pause. Decoding/ reads the
// API's JSON. Contract/ has what the API's documents say, and compares answers with it. Listing.swift has
// the requests that make no codes, except for the check of the key, and Inspection.swift those whose only
// purpose is to see how the API answers. No text that leaves this module contains the API key or the
// value of a code.

internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
public import Provisioning
internal import Synchronization

/// A client of the One of None API for one account. Call `shutdown` before releasing it.
public final class APIClient: CodeIssuer {
  let configuration: APIConfiguration
  let texts: PublicText
  /// Whether the API has refused to list in the order of creation.
  let refusesOrder = Atomic(false)
  /// Whether the API has refused to list in the order of changes.
  let refusesOrderOfChanges = Atomic(false)
  private let client: HTTPClient
  private let deadline: Deadline
  private let memory: AnswerMemory
  /// When the next long body is compared with the documents.
  private let nextLook = Mutex(ContinuousClock.now)
  private let onDifference: (@Sendable (Set<ContractDifference>) -> Void)?
  private let onStandIn: (@Sendable () -> Void)?

  /// A header that answers of a stand-in have, whatever its value. The API's own answers do not.
  static let standInHeader = "codemint-stand-in"

  /// A client with these settings. It opens the first connection with the first request.
  ///
  /// - Parameters:
  ///   - onDifference: Called with what differs from the API's documents, for each answer that does. It must be
  ///     quick. Without it answers are not compared.
  ///   - onStandIn: Called for each answer that says that it is a stand-in's. It must be quick.
  public convenience init(
    _ configuration: APIConfiguration,
    onDifference: (@Sendable (Set<ContractDifference>) -> Void)? = nil,
    onStandIn: (@Sendable () -> Void)? = nil
  ) {
    self.init(configuration, deadline: .timer, onDifference: onDifference, onStandIn: onStandIn)
  }

  init(
    _ configuration: APIConfiguration,
    deadline: Deadline,
    memory: AnswerMemory = AnswerMemory(),
    onDifference: (@Sendable (Set<ContractDifference>) -> Void)? = nil,
    onStandIn: (@Sendable () -> Void)? = nil
  ) {
    self.onDifference = onDifference
    self.onStandIn = onStandIn
    self.deadline = deadline
    self.memory = memory
    self.configuration = configuration
    texts = PublicText(hiding: configuration.key)
    client = Transport.makeClient(
      timeout: configuration.timeout,
      authorities: configuration.authorities
    )
  }

  /// Requests the codes of one call with `POST /v1/rewards/{id}/codes/generate`, sent at most once.
  ///
  /// If the calling task is cancelled before the body is handed over, the request is withdrawn
  /// (`unsent`). After that, the answer is awaited within the timeout.
  ///
  /// - Parameters:
  ///   - call: The reward, the prefix and the number of codes.
  ///   - mayStillSend: Called once, under a lock, when the body is produced. It must be quick and must
  ///     not call the client.
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
    notice(ending, .generate)
    let outcome = Judgement(texts: texts)
      .outcome(of: ending, body: passage)
    return CallReport(
      outcome: outcome,
      httpStatus: ending.status,
      duration: ContinuousClock.now - start,
      rawAnswer: ending.bodyWorthKeeping(outcome),
      // The pause of a 429 is part of the outcome.
      feedback: ending.status == 429 ? nil : ending.feedback
    )
  }

  /// Checks the API key with `GET /v1/team`, which changes nothing.
  public func checkTeam() async -> Paced<TeamAnswer> {
    let ending = await ending(of: request(.GET, "/v1/team"), .team)
    return Paced(teamAnswer(in: ending), feedback: ending.feedback)
  }

  private func teamAnswer(in ending: Ending) -> TeamAnswer {
    switch ending {
    case .reply(let reply) where (200..<300).contains(reply.status):
      return .accepted
    case .reply(let reply):
      let said = ErrorBody(status: reply.status, body: reply.body, texts: texts)
      guard [401, 403].contains(reply.status) else { return .unreachable(said.message) }
      return .refused(code: said.code, message: said.message)
    case .tooLarge(let status) where (200..<300).contains(status):
      return .accepted
    case .tooLarge, .timeout, .cancelled, .broken:
      return .unreachable(ending.description)
    }
  }

  /// Closes all connections. Requests in flight end as broken. A second call does nothing.
  public func shutdown() async {
    // The only possible error says that the client was shut down before.
    try? await client.shutdown()
  }

  /// Runs a request that may be cancelled at any moment, because repeating it does no harm.
  func ending(of request: HTTPClientRequest, _ endpoint: Contract.Endpoint) async -> Ending {
    let ending = await exchange().run(request) { true }
    notice(ending, endpoint)
    return ending
  }

  /// Holds an answer against the API's documents, and sees whether it says that it is a stand-in's.
  private func notice(_ ending: Ending, _ endpoint: Contract.Endpoint) {
    guard case .reply(let reply) = ending else { return }
    if reply.headers.contains(name: Self.standInHeader) { onStandIn?() }
    guard let onDifference else { return }
    let found = Contract.differences(reply, endpoint, looksInside: mayLookInside(reply))
    if !found.isEmpty { onDifference(Set(found.keys)) }
  }

  /// Whether the body is compared too. A look at a long answer reads all of it once more, so only one is
  /// looked at each second. An API that has changed shows it in the next.
  private func mayLookInside(_ reply: Reply) -> Bool {
    guard reply.body.count > Self.shortBody else { return true }
    return nextLook.withLock { next in
      let now = ContinuousClock.now
      guard next <= now else { return false }
      next = now + .seconds(1)
      return true
    }
  }

  /// In bytes: errors, and answers of a few codes.
  private static let shortBody = 16_384

  /// A request with the headers of every request.
  ///
  /// - Parameter target: The path from `/v1` on, with the query, percent-encoded.
  func request(_ method: HTTPMethod, _ target: String) -> HTTPClientRequest {
    var request = HTTPClientRequest(url: configuration.baseURL.text + target)
    request.method = method
    request.headers.add(name: "x-api-key", value: configuration.key.value)
    request.headers.add(name: "user-agent", value: configuration.userAgent)
    request.headers.add(name: "accept", value: "application/json")
    // Without this field any coding would be acceptable (RFC 9110, section 12.5.3).
    request.headers.add(name: "accept-encoding", value: "identity")
    // No cache answers without asking the API, not even one that would not say so (RFC 9111, section 5.2.1.4).
    request.headers.add(name: "cache-control", value: "no-cache")
    return request
  }

  private func exchange() -> Exchange {
    Exchange(
      client: client,
      timeout: configuration.timeout,
      deadline: deadline,
      texts: texts,
      memory: memory
    )
  }
}
