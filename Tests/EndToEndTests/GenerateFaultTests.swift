import Foundation
import Sandbox
import Testing

/// Every way in which a generate request can end, one reward each. The tables are those of
/// docs/testing.md.
@Suite("Every fault of the generate call", .timeLimit(Patience.limit))
struct GenerateFaultTests {
  /// A fault and what has to become of the call that it strikes.
  private struct Row {
    let fault: Fault
    /// State, HTTP status and error code of the call.
    let call: String
    /// State, codes and error code of its job, which asks for 60.
    var job = "completed 60 -"
    /// How many requests that takes.
    var requests = 1

    init(_ fault: Fault, _ call: String, job: String = "completed 60 -", requests: Int = 1) {
      (self.fault, self.call, self.job, self.requests) = (fault, call, job, requests)
    }
  }

  /// What proves what it made: recorded, and nothing else happens.
  private static let issued: [Row] = [
    Row(.latency(seconds: 0.2), "issued 201 -"),
    Row(.drip(bytes: 4000, everySeconds: 0.01), "issued 201 -"),
    Row(.reset(at: .afterAnswer, made: .all, abrupt: false), "issued 201 -"),
  ]

  /// What proves that nothing was made, and that asking again is of no use.
  private static let refused: [Row] = [400, 404, 405, 410, 413, 415, 422, 307, 308].map { status in
    Row(
      .status(status),
      "rejected \(status) status_\(status)",
      job: "failed 0 status_\(status)"
    )
  }

  /// What proves nothing, and did make all: found by listing, never asked for again.
  private static let adopted: [Row] =
    [500, 502, 503, 504, 408, 409, 301, 302, 303].map { status in
      Row(.status(status, made: .all), "adopted \(status) status_\(status)")
    } + [
      Row(.status(200, made: .all), "adopted 200 http_200"),
      Row(.status(204, made: .all), "adopted 204 http_204"),
      Row(.reset(at: .beforeAnswer, made: .all), "adopted - connection_lost"),
      Row(.reset(at: .beforeAnswer, made: .all, abrupt: false), "adopted - connection_lost"),
      Row(.reset(at: .afterHead, made: .all), "adopted 201 connection_lost"),
      Row(.reset(at: .inBody, made: .all), "adopted 201 connection_lost"),
      Row(.reset(at: .inBody, made: .all, abrupt: false), "adopted 201 connection_lost"),
      Row(.hang(made: .all), "adopted - timeout"),
      Row(.generateLate(seconds: 1), "adopted - timeout"),
      Row(.drip(bytes: 1, everySeconds: 1), "adopted 201 timeout"),
      Row(.cut(), "adopted 201 unreadable_answer"),
      Row(.cut(complete: false), "adopted 201 connection_lost"),
      Row(.html(), "adopted 201 unreadable_answer"),
      Row(.flood(declared: true), "adopted 201 answer_too_large"),
      Row(.flood(declared: false), "adopted 201 answer_too_large"),
    ]

  /// What proves nothing, and made nothing or a part: judged when the request can no longer take
  /// effect, and only then asked for again.
  private static let askedAgain: [Row] = [
    Row(.status(500), "absent 500 status_500", requests: 2),
    Row(.status(408), "absent 408 status_408", requests: 2),
    Row(.status(409), "absent 409 status_409", requests: 2),
    Row(.status(301), "absent 301 status_301", requests: 2),
    Row(.reset(at: .beforeAnswer), "absent - connection_lost", requests: 2),
    Row(.hang(), "absent - timeout", requests: 2),
    Row(.html(made: .none), "absent 201 unreadable_answer", requests: 2),
    Row(.status(503, made: .part(25)), "adopted 503 status_503", requests: 2),
    // This reward alone is refused, for now.
    Row(.status(403), "rejected 403 status_403", requests: 2),
    Row(.reset(at: .beforeRequestBody), "absent - connection_lost", requests: 2),
  ]

  /// Short times. All calls go at once, so that what befalls them is one outage of the account.
  private static let settings: [String: String?] = [
    "CODEMINT_LEASE_SECONDS": "5", "CODEMINT_API_TIMEOUT_SECONDS": "5",
    "CODEMINT_RECONCILE_LISTING_GAP_SECONDS": "1", "CODEMINT_POLL_SECONDS": "0.2",
    "CODEMINT_LIMITS_BURST": "100", "CODEMINT_LIMITS_MAX_IN_FLIGHT": "100",
  ]

  @Test("each is recorded, adopted, refused or asked for again; no code is lost or made twice")
  func everyFault() async throws {
    let rows = Self.issued + Self.refused + Self.adopted + Self.askedAgain
    try await Stage.play { stage in
      try await stage.endPausesAtOnce()
      try await stage.put(
        [FaultRule(.generate, .latency(seconds: 1), first: rows.count)]
          + rows.enumerated().map { number, row in
            FaultRule(.generate, row.fault, reward: Reward.numbered(number), times: 1)
          }
      )
      _ = try stage.daemon(Self.settings)
      try await stage.database.insert(
        rows.indices.map { Job(Reward.numbered($0), 60, prefix: "OWN") }
      )
      try await stage.database.allEnded()
      for (number, row) in rows.enumerated() {
        try await Self.check(row, of: Reward.numbered(number), stage)
      }
      #expect(try await stage.database.number("SELECT count(*) FROM codemint.doubts") == 0)
      #expect(
        try await stage.database.number("SELECT count(*) FROM codemint.unattributed_codes") == 0
      )
    }
  }

  private static func check(_ row: Row, of reward: String, _ stage: Stage) async throws {
    let calls = try await stage.database.texts(
      """
      SELECT concat_ws(' ', state, coalesce(http_status::text, '-'), coalesce(error_code, '-'))
      FROM codemint.calls WHERE reward_id = '\(reward)' ORDER BY created_at
      """
    )
    #expect(calls.first == row.call, "\(row.fault)")
    #expect(calls.dropFirst().allSatisfy { $0 == "issued 201 -" }, "\(row.fault)")
    let jobs = try await stage.database.texts(
      """
      SELECT concat_ws(' ', state, issued, coalesce(error_code, '-'))
      FROM codemint.jobs WHERE reward_id = '\(reward)'
      """
    )
    #expect(jobs == [row.job], "\(row.fault)")
    #expect(stage.requests(of: reward).count == row.requests, "\(row.fault)")
    let stored = try await stage.database.texts(
      "SELECT id FROM codemint.codes WHERE reward_id = '\(reward)' AND NOT surplus ORDER BY id"
    )
    #expect(stored == stage.sandbox.truth.ids(ofReward: reward).sorted(), "\(row.fault)")
  }

  @Test("bodies of 100 MB are not kept: the daemon does not grow by the size of one of them")
  func memory() async throws {
    try await Stage.play { stage in
      try await stage.endPausesAtOnce()
      let daemon = try stage.daemon(Self.settings)
      try await stage.database.insert(Job(Reward.second, 500))
      try await stage.database.allEnded()
      let before = try Self.mostMemory(of: daemon.process)
      let size = 100_000_000
      try await stage.put([
        FaultRule(.generate, .latency(seconds: 0.5)),
        FaultRule(.generate, .flood(bytes: size), every: 2),
        FaultRule(.generate, .flood(bytes: size, declared: false)),
        FaultRule(.list, .flood(bytes: size, declared: false), first: 2),
      ])
      try await stage.database.insert((0..<4).map { Job(Reward.numbered($0), 20) })
      try await stage.database.allEnded()
      #expect(try await stage.count() == Stage.Count(stored: 580, distinct: 580, made: 580))
      #expect(stage.sandbox.truth.requests().count { $0.faults.contains("flood") } == 4)
      #expect(try Self.mostMemory(of: daemon.process) - before < size)
    }
  }

  /// The most memory that a process ever had, in bytes.
  private static func mostMemory(of process: pid_t) throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
    return try #require(Int(line.filter(\.isNumber))) * 1024
  }
}
