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

  /// Lets the test's clock run ahead whenever the account is to pause: many failures in a row would make
  /// pauses of minutes.
  func endPausesAtOnce() async throws {
    try await database.run(
      """
      CREATE FUNCTION public.end_pause() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        NEW.paused_until := least(NEW.paused_until, clock_timestamp());
        NEW.probe_at := least(NEW.probe_at, clock_timestamp());
        RETURN NEW;
      END $$;
      CREATE TRIGGER end_pause BEFORE UPDATE ON codemint.account
        FOR EACH ROW EXECUTE FUNCTION public.end_pause();
      """
    )
  }

  /// Has a job of one code done for a reward of its own: the first clean answer of the account. Before it
  /// nothing shows whether the API's lists can be believed (protocol, rule 10).
  func firstAnswer() async throws {
    try await database.insert(Job(Reward.proven, 1))
    try await database.until(
      "EXISTS (SELECT FROM codemint.jobs WHERE reward_id = '\(Reward.proven)' AND state = 'completed')"
    )
  }

  /// The generate requests of one reward, in order of arrival.
  func requests(of reward: String) -> [GenerateRequest] {
    sandbox.truth.requests().filter { $0.reward == reward }
  }
}

extension SandboxTruth {
  /// Every code that exists, with its reward.
  var everyCode: [(reward: String, code: MadeCode)] {
    codesByReward.keys.flatMap { reward in
      made(ofReward: reward).map { (reward, $0) }
    }
  }
}
