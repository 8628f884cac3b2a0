internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// What a checker in another process reads under `/sandbox/`. It needs no key, and shows ids, never the
/// texts of codes.
struct AdminSurface: Sendable {
  private let core: SandboxCore
  private let truth: SandboxTruth

  init(_ core: SandboxCore) {
    self.core = core
    truth = core.truth
  }

  /// `GET /sandbox/truth`: counts by reward. With `?ids=1` one line of JSON for every code instead, of
  /// the reward given by `reward=` or of all: its id, its reward, the number of the request that it was
  /// made for, null if for none, and who had it made; see `CodeMaker`.
  func truth(_ request: Request) -> Response {
    let query = request.uri.queryParameters
    guard query["ids"] == "1" else { return Answer(200, counts()).response }
    let reward = query["reward"].map(String.init)
    let truth = truth
    return Response(
      status: .ok,
      headers: [.contentType: "application/x-ndjson"],
      body: ResponseBody { writer in
        var piece = ByteBuffer()
        for origin in truth.origins(ofReward: reward) {
          Self.write(truth.ids(of: origin), of: origin, into: &piece)
          if piece.readableBytes > 1 << 18 {
            try await writer.write(piece)
            piece.clear()
          }
        }
        try await writer.write(piece)
        try await writer.finish(nil)
      }
    )
  }

  /// `GET /sandbox/requests`: every generate request and the latest list requests, in order of arrival.
  func requests() -> Response {
    var buffer = ByteBuffer()
    buffer.writeStaticString("{\"generate\":[")
    for (position, request) in truth.requests().enumerated() {
      if position > 0 { buffer.writeStaticString(",") }
      buffer.writeString("{\"number\":\(request.number),\"reward\":\"\(request.reward)\"")
      buffer.writeString(",\"arrived_ns\":\(request.arrivedAt),\"count\":\(text(request.count))")
      buffer.writeString(",\"made\":\(request.made),\"status\":\(text(request.status))")
      buffer.writeString(",\"answer\":\"\(request.answer.rawValue)\"")
      buffer.writeString(",\"faults\":\(text(request.faults))}")
    }
    buffer.writeStaticString("],\"list\":[")
    for (position, request) in truth.listings().enumerated() {
      if position > 0 { buffer.writeStaticString(",") }
      buffer.writeString("{\"reward\":\"\(request.reward)\",\"arrived_ns\":\(request.arrivedAt)")
      buffer.writeString(",\"status\":\(text(request.status))")
      buffer.writeString(",\"faults\":\(text(request.faults))}")
    }
    buffer.writeStaticString("]}")
    return Answer(200, buffer).response
  }

  /// `GET /sandbox/faults`: the plan in force.
  func faults() -> Response {
    Answer(200, ByteBuffer(string: core.dice.plan.json)).response
  }

  /// `PUT /sandbox/faults`: puts another plan in force, with all counts at their start.
  func setFaults(_ exchange: Exchange) async -> Response {
    do {
      let body = try await exchange.collect(upTo: 1 << 20)
      let plan = try FaultPlan(json: String(buffer: body))
      core.replace(plan)
      return faults()
    } catch let error as SandboxError {
      return Answer(.invalid(error.reason)).response
    } catch {
      return Answer(.invalid("the plan did not arrive whole, or is larger than 1 MiB")).response
    }
  }

  /// `DELETE /sandbox/faults`: behaves well from now on.
  func clearFaults() -> Response {
    core.replace(FaultPlan())
    return Answer(204, ByteBuffer()).response
  }

  private func counts() -> ByteBuffer {
    let byReward = truth.codesByReward
    let byMaker = truth.codesByMaker
    let tallies = core.dice.tallies.map { "{\"seen\":\($0.seen),\"struck\":\($0.struck)}" }
    let rewards = byReward.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }
    return ByteBuffer(
      string: "{\"codes\":\(byReward.values.reduce(0, +))"
        + ",\"generate_requests\":\(truth.generateRequests)"
        + ",\"list_requests\":\(truth.listRequests),\"sync_requests\":\(truth.syncRequests)"
        + ",\"made_for_requests\":\(byMaker.requests),\"resent\":\(byMaker.resent)"
        + ",\"somebody_else\":\(byMaker.somebodyElse),\"beforehand\":\(byMaker.beforehand)"
        + ",\"fault_rules\":[\(tallies.joined(separator: ","))]"
        + ",\"rewards\":{\(rewards.joined(separator: ","))}}"
    )
  }

  private static func write(
    _ ids: [String],
    of origin: CodeStore.Origin,
    into piece: inout ByteBuffer
  ) {
    let maker = origin.batch.maker
    let request = maker.request.map(String.init) ?? "null"
    let rest =
      "\",\"reward\":\"\(origin.reward)\",\"request\":\(request),\"maker\":\"\(maker.name)\"}\n"
    for id in ids {
      piece.writeStaticString("{\"id\":\"")
      piece.writeString(id)
      piece.writeString(rest)
    }
  }

  private func text(_ names: [String]) -> String {
    "[\(names.map(JSONText.quoted).joined(separator: ","))]"
  }

  private func text(_ number: Int?) -> String { number.map(String.init) ?? "null" }
}
