import Ledger
import MemoryStore
import Postgres
import Provisioning
import Synchronization
import Testing

@Suite("many at once")
struct CrowdTests {
  @Test("eight connections work off many jobs, and every counter equals its rows")
  func crowd() async throws {
    try await RealLedger.lend(connections: 8) { ledger in
      let limits = Limits(
        requestsPerSecond: 10_000,
        burst: 1000,
        maxInFlight: 16,
        maxInFlightPerReward: 5
      )
      try await ledger.announce(limits)
      for number in 0..<1000 {
        _ = try await ledger.insert(1 + number % 3, of: Samples.reward(number % 4))
      }
      let crowd = Crowd(ledger: ledger, limits: limits)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for member in 1...8 { group.addTask { try await crowd.work(member) } }
        try await group.waitForAll()
      }
      let facts = try await ledger.bystander.facts()
      #expect(facts.jobs.values.allSatisfy { $0.state == .completed && $0.outstanding == 0 })
      #expect(facts.account.inFlight == 0)
      #expect(facts.rewards.values.allSatisfy { $0.inFlight == 0 && $0.closedAt == nil })
      for job in facts.jobs.values {
        let own = facts.codes.values.filter { $0.job == job.id }
        #expect(own.filter { !$0.isSurplus }.count == job.count)
        #expect(own.filter(\.isSurplus).count == job.surplus)
        let calls = facts.calls.values.filter { $0.call.job == job.id }
        #expect(calls.allSatisfy { !$0.state.holdsRoom })
      }
      #expect(facts.codes.count + facts.unattributed.count == crowd.mint.made)
      #expect(facts.calls.count >= 1000)
      #expect(crowd.refusals == [])
    }
  }
}

/// Workers that claim and settle as fast as they can, every one at all jobs.
final class Crowd: Sendable {
  let mint = CodeMint()
  private let ledger: RealLedger
  private let limits: Limits
  private let lastCall = Mutex(0)
  private let refused = Mutex<[StoreError]>([])

  init(ledger: RealLedger, limits: Limits) {
    self.ledger = ledger
    self.limits = limits
  }

  /// Errors that do not say that asking again is right.
  var refusals: [StoreError] { refused.withLock { $0 } }

  func work(_ member: Int) async throws {
    var random = SeededRandom(seed: UInt64(member))
    let worker = Samples.worker(member)
    var round = 0
    while try await isOpen() {
      round += 1
      if round % 10 == 0 { await heartbeat(worker) }
      await listWatched(worker)
      var next = await ask(newRequest(worker))
      while let claimed = next {
        let outcomes = endings(of: claimed, &random)
        for outcome in outcomes.dropLast() {
          _ = await settle(settlement(claimed, outcome, worker), nil)
        }
        let last = settlement(claimed, outcomes[outcomes.count - 1], worker)
        next = await settle(last, newRequest(worker))
      }
    }
  }

  private func newRequest(_ worker: WorkerID) -> ClaimRequest {
    let number = lastCall.withLock { number in
      number += 1
      return number
    }
    return ClaimRequest(
      call: Samples.call(number),
      worker: worker,
      lengths: Samples.lengths(lease: .seconds(300))
    )
  }

  private func isOpen() async throws -> Bool {
    try await ledger.pool.query(
      "SELECT EXISTS (SELECT FROM codemint.jobs WHERE finished_at IS NULL)"
    ).one().bool(0)
  }

  /// All codes. Perhaps not sent at first, or in doubt, and then answered late, or twice.
  private func endings(
    of claimed: ClaimedCall,
    _ random: inout SeededRandom
  ) -> [CallOutcome] {
    let codes = mint.make(claimed.call.size, of: claimed.call.reward)
    let issued = CallOutcome.issued(Answer(codes: codes, nulls: 0, body: []))
    return switch Int.random(in: 0..<6, using: &random) {
    case 0: [.unsent(.leaseLost), issued]
    case 1: [issued, issued]
    case 2: [.unknown(.unstorable("no")), issued]
    default: [issued]
    }
  }

  private func settlement(
    _ claimed: ClaimedCall,
    _ outcome: CallOutcome,
    _ worker: WorkerID
  ) -> Settlement {
    SettlementRule.settle(
      claimed.call,
      by: worker,
      lengths: Samples.lengths(),
      report: CallReport(outcome: outcome, httpStatus: nil, duration: .zero),
      team: nil,
      jitter: 0
    ).inHaste
  }

  /// Settles as a worker does, and asks for the next call in the same round trip.
  private func settle(_ settlement: Settlement, _ request: ClaimRequest?) async -> ClaimedCall? {
    while true {
      let reply = await ledger.store.settle(settlement, thenClaim: request)
      guard case .success = reply.settled else {
        note(reply.settled)
        continue
      }
      guard let claim = reply.claim, let request else { return nil }
      if case .success(let claim) = claim { return claim.claimed }
      note(claim)
      return await ask(request)
    }
  }

  /// Asks until there is an answer, as a worker does.
  private func ask(_ request: ClaimRequest) async -> ClaimedCall? {
    while true {
      do throws(StoreError) {
        return try await ledger.store.claim(request).claimed
      } catch {
        note(Result<Claim, StoreError>.failure(error))
      }
    }
  }

  private func heartbeat(_ worker: WorkerID) async {
    do throws(StoreError) {
      _ = try await ledger.store.heartbeat(Samples.presence(worker, limits: limits))
    } catch {
      note(Result<Heartbeat, StoreError>.failure(error))
    }
  }

  /// Answers that lack codes leave their reward waiting until it was listed once.
  private func listWatched(_ worker: WorkerID) async {
    do throws(StoreError) {
      while let watch = try await ledger.store.takeWatch(worker, lease: .seconds(30)) {
        let finding = WatchFinding(
          reward: watch.reward,
          listing: Samples.listing(1),
          listedUntil: watch.now,
          isBelieved: true
        )
        _ = try await ledger.store.conclude(finding, worker: worker)
      }
    } catch {
      note(Result<WatchCase, StoreError>.failure(error))
    }
  }

  private func note<Value>(_ answer: Result<Value, StoreError>) {
    guard case .failure(let error) = answer, error.code != .unavailable else { return }
    refused.withLock { $0.append(error) }
  }
}

extension Claim {
  /// The call, if there is one.
  var claimed: ClaimedCall? {
    if case .call(let claimed) = self { claimed } else { nil }
  }
}

extension Settlement {
  /// The same without pauses for everybody.
  fileprivate var inHaste: Settlement {
    Settlement(
      call: call,
      worker: worker,
      lengths: lengths,
      result: result,
      httpStatus: httpStatus,
      errorCode: errorCode,
      errorMessage: errorMessage,
      received: received,
      duration: duration,
      codes: codes,
      unattributed: unattributed,
      rawAnswer: rawAnswer,
      job: .proceeds,
      reward: reward,
      account: .none,
      feedback: nil,
      jitter: 0
    )
  }
}
