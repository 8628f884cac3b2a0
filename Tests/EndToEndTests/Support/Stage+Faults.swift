import AsyncHTTPClient
import Sandbox

/// What a test asks that steers the stand-in as anybody would: over HTTP.
extension Stage {
  /// The stand-in did not take a plan.
  private struct PlanRefused: Error {
    let status: UInt
  }

  /// Puts a plan in force at the admin endpoint.
  func put(_ rules: [FaultRule]) async throws {
    var request = HTTPClientRequest(url: "\(baseURL)/sandbox/faults")
    request.method = .PUT
    // The stand-in, when its task is cancelled, waits for connections that are kept.
    request.headers.add(name: "connection", value: "close")
    request.body = .bytes(Array(FaultPlan(seed: 1, rules: rules).json.utf8))
    let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
    guard answer.status == .ok else { throw PlanRefused(status: answer.status.code) }
  }

  /// The generate requests of one reward, in order of arrival.
  func requests(of reward: String) -> [GenerateRequest] {
    sandbox.truth.requests().filter { $0.reward == reward }
  }
}
