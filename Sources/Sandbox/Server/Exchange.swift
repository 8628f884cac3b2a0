internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// One request on its way to an answer.
struct Exchange: Sendable {
  private static let keyHeader = HTTPField.Name("x-api-key")

  let core: SandboxCore
  let request: Request
  let connection: Connection
  /// When its head had been read, on the monotonic clock.
  let arrival: UInt64

  /// What the log is to be told at the end.
  struct Ending: Sendable {
    let status: Int
    let answer: GenerateRequest.Answer
  }

  /// Carries a call out, with what every call has in common: rate limit, key, and the faults that decide
  /// how it ends.
  /// - Parameters:
  ///   - log: told, perhaps more than once, how far the answer has got.
  ///   - carryOut: finds the true answer; throws a `Refusal`, or `NoAnswer` if there is to be none.
  func answered(
    _ decision: FaultDecision,
    log: @escaping @Sendable (Ending) -> Void,
    _ carryOut: () async throws -> Answer
  ) async throws -> Response {
    var ending = decision.ending
    var answer: Answer
    do {
      guard core.limit?.admits(arrival) != false else { throw Refusal.tooManyRequests }
      if case .reset(at: .beforeRequestBody, _, let abrupt) = ending {
        await connection.breakOff(abrupt: abrupt)
        throw NoAnswer()
      }
      try authorize()
      answer = try await carryOut()
      answer.put(on: ending, now: core.time.wall(), path: request.uri.string)
    } catch let refusal as Refusal {
      answer = Answer(refusal)
      ending = nil
    } catch is CancellationError {
      answer = Answer(.stopping)
      ending = nil
    }
    answer.set(decision.headers)
    answer.setDate(decision.date, now: core.time.wall())
    let status = answer.status
    let delivery = Delivery(connection: connection) { progress in
      log(Ending(status: status, answer: progress))
    }
    return try await delivery.response(answer, ending)
  }

  /// Half of the time that the answer takes.
  func pause(_ decision: FaultDecision, number: Int) async throws {
    let pause = core.latency.pause(of: number) + .seconds(decision.latency)
    try await connection.pause(pause / 2)
  }

  /// Waits as a fault wants it, for calls that make nothing.
  /// - Throws: `NoAnswer` when the client has hung up.
  func hang(_ decision: FaultDecision) async throws {
    guard case .hang(_, let seconds) = decision.ending else { return }
    let hungUp = try await connection.hungUp(within: seconds.map { .seconds($0) })
    if hungUp { throw NoAnswer() }
  }

  /// What follows the path's question mark.
  var query: QueryText {
    QueryText(
      request.uri.queryParameters.lazy.map { (name: String($0.key), value: String($0.value)) }
    )
  }

  /// The request's body.
  func collect(upTo bound: Int = 64 * 1024) async throws -> ByteBuffer {
    do {
      return try await request.body.collect(upTo: bound)
    } catch is NIOTooManyBytesError {
      throw Refusal.tooLarge
    }
  }

  private func authorize() throws(Refusal) {
    guard let header = Self.keyHeader, let key = request.headers[header], !key.isEmpty,
      core.key.map({ $0 == key }) ?? true
    else { throw .unauthorized }
  }
}
