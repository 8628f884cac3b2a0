import Backstage
import Foundation
import Sandbox

/// Compares the ledger with what the stand-in really made.
struct Judge {
  private let arena: Arena
  /// What exists, by id.
  private let truth: [String: (reward: String, code: MadeCode)]

  init(_ arena: Arena) {
    self.arena = arena
    var truth: [String: (reward: String, code: MadeCode)] = [:]
    for reward in arena.sandbox.truth.codesByReward.keys {
      for code in arena.sandbox.truth.made(ofReward: reward) { truth[code.id] = (reward, code) }
    }
    self.truth = truth
  }

  /// Ids of codes that exist and that the ledger does not know.
  func unknown() async throws -> Set<String> {
    var unknown = Set(truth.keys)
    let known =
      """
      SELECT id::text AS id FROM codemint.codes
      UNION ALL SELECT id::text FROM codemint.unattributed_codes
      """
    for row in try await arena.eye.rows(known) {
      unknown.remove(try row.text("id"))
    }
    return unknown
  }

  func judge(_ quiet: Quiet, seconds: Int) async throws -> Verdict {
    let eye = arena.eye
    var verdict = Verdict(seed: arena.seed, seconds: seconds)
    await noteWeather(&verdict, quiet)
    verdict.requests = arena.sandbox.truth.generateRequests
    verdict.calls = try await eye.number("SELECT count(*) FROM codemint.calls")
    verdict.doubts = try await noted("in_doubt")
    verdict.adopted = try await noted("adopted")
    verdict.absent = try await noted("absent")
    verdict.jobs = try await eye.number("SELECT count(*) FROM codemint.jobs")
    verdict.failedJobs = try await eye.number(
      "SELECT count(*) FROM codemint.jobs WHERE state = 'failed'"
    )
    verdict.unfinished = try await eye.number(Quiet.open)
    verdict.over = try await eye.number(Self.over)
    verdict.upstream = truth.count
    if let network = arena.network {
      verdict.partitions = arena.storm.partitions
      for host in 1...network.hosts {
        verdict.callsByHost["h\(host)"] = try await eye.number(
          """
          SELECT count(*) FROM codemint.calls c JOIN codemint.workers w ON w.id = c.worker
          WHERE w.host = 'h\(host)' AND c.state IN ('issued', 'adopted')
          """
        )
      }
    }
    let unknown = try await unknown()
    verdict.lost = unknown.count
    verdict.unattributed = try await eye.number(Self.unattributed)
    try await noteCodes(&verdict)
    if !unknown.isEmpty { verdict.foundByAudit = try await audit(unknown) }
    return verdict
  }

  private func noteWeather(_ verdict: inout Verdict, _ quiet: Quiet) async {
    let fleet = await arena.fleet.tally
    verdict.kills = fleet.kills
    verdict.suspensions = fleet.suspensions
    verdict.drains = fleet.drains
    verdict.deaths = fleet.deaths
    let cluster = await arena.cluster.tally
    verdict.terminatedBackends = cluster.terminatedBackends
    verdict.restarts = cluster.restarts
    verdict.serverSuspensions = cluster.suspensions
    verdict.promotions = cluster.promotions
    verdict.lostCommitBytes = cluster.lostBytes
    verdict.lostCalls = cluster.lostCalls
    verdict.diskFull = cluster.diskFull
    verdict.diskFullErrors = arena.cluster.refusalsOfFullDisk
    verdict.resolvedByHand = quiet.resolved
    verdict.foundByWatch = quiet.foundByWatch
  }

  private func noted(_ state: String) async throws -> Int {
    try await arena.eye.number(
      "SELECT count(DISTINCT call_id) FROM public.history WHERE state = '\(state)'"
    )
  }

  /// Jobs that hold more than they asked for, whether by their counters or by their codes.
  private static let over = """
    SELECT count(*) FROM codemint.jobs j
    WHERE j.issued > j.count
       OR j.issued <> (SELECT count(*) FROM codemint.codes c WHERE c.job_id = j.id AND NOT c.surplus)
    """

  /// Codes that wait for a person; one that another reward's answer showed as well does not.
  private static let unattributed = """
    SELECT count(*) FROM codemint.unattributed_codes u
    WHERE NOT EXISTS (SELECT FROM codemint.codes c WHERE c.id = u.id)
    """

  private func noteCodes(_ verdict: inout Verdict) async throws {
    let requests = arena.sandbox.truth.requests()
    let rows = try await arena.eye.rows(
      """
      SELECT c.id::text AS id, c.surplus, c.call_id::text AS call,
             (extract(epoch FROM c.created_at) * 1000)::bigint AS created_ms,
             EXISTS (SELECT FROM public.history h
                     WHERE h.reward_id = c.reward_id AND h.state = 'absent' AND c.surplus
                       AND h.at <= c.created_at + interval '10 ms') AS after_absent
      FROM codemint.codes c
      """
    )
    for row in rows {
      guard let made = truth[try row.text("id")] else {
        verdict.phantom += 1
        continue
      }
      guard try row.bool("surplus") else {
        verdict.issued += 1
        continue
      }
      verdict.surplus += 1
      let request = made.code.request.map { requests[$0 - 1] }
      if let request, request.made > request.count ?? 0 {
        verdict.surplusOfLongAnswers += 1
      } else if try row.bool("after_absent") || isTooLate(row.int64("created_ms"), request) {
        verdict.surplusAfterAbsent += 1
      } else if verdict.lostCommitBytes > 0 {
        verdict.surplusAfterFailover += 1
      } else {
        verdict.double += 1
        try await explain(made.code, request, call: row.optionalText("call"))
      }
    }
  }

  /// Whether a code was made when its request could no longer take effect, by the bounds that are
  /// stated: the judgement may come later, but looks no further.
  private func isTooLate(_ created: Int64, _ request: GenerateRequest?) -> Bool {
    guard let request else { return false }
    var (wall, monotonic) = (timespec(), timespec())
    clock_gettime(CLOCK_REALTIME, &wall)
    clock_gettime(CLOCK_MONOTONIC, &monotonic)
    let offset =
      Int64(wall.tv_sec - monotonic.tv_sec) * 1000
      + Int64(wall.tv_nsec - monotonic.tv_nsec) / 1_000_000
    let arrived = Int64(request.arrivedAt / 1_000_000) + offset
    let effectiveFor = Arena.Patience.lease + Arena.Patience.apiTimeout + Arena.Patience.listingGap
    return created - arrived >= Int64(effectiveFor) * 1000
  }

  /// Says where a code comes from that nothing explains.
  private func explain(_ code: MadeCode, _ request: GenerateRequest?, call: String?) async throws {
    let faults = request?.faults.joined(separator: " ") ?? ""
    Console.say(
      """
      nothing explains code \(code.id) of request \(request?.number ?? 0) (\(faults), \
      \(request?.made ?? 0) of \(request?.count ?? 0) made, answered \(request?.status ?? 0)); its call:
      """
    )
    let history = """
      SELECT h.state, h.at, c.size, c.received, c.http_status, c.error_code, c.reward_id
      FROM public.history h JOIN codemint.calls c ON c.id = h.call_id
      WHERE h.call_id = '\(call ?? "00000000-0000-0000-0000-000000000000")' ORDER BY h.at
      """
    try await arena.eye.lines(history).forEach { Console.say("  \($0)") }
  }

  /// Asks the real `codemint audit` about every reward with codes that the ledger lacks.
  /// - Returns: How many of them it named.
  private func audit(_ unknown: Set<String>) async throws -> Int {
    await arena.fleet.close()
    var found = 0
    for reward in Set(unknown.compactMap { truth[$0]?.reward }) {
      let audit = try CodemintProcess(
        ["audit", reward, "--json"],
        environment: arena.environment,
        program: arena.storm.codemint ?? Binary.path
      )
      _ = try await audit.end()
      found += audit.output.all.count { line in unknown.contains { line.contains($0) } }
    }
    return found
  }
}
