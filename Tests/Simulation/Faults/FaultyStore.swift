import MemoryStore
import Provisioning

/// The ledger as one host reaches it: late, at times not at all, and at times without an answer
/// about what was committed.
final class FaultyStore: RemoteStore, @unchecked Sendable {
  private let host: Host
  private let stage: Stage

  init(host: Host, stage: Stage) {
    self.host = host
    self.stage = stage
    super.init(stage.store)
  }

  override func heartbeat(_ worker: WorkerPresence) async throws(StoreError) -> Heartbeat {
    try await request(.heartbeat, call: nil) { () throws(StoreError) in
      let wasWrong = memory.ledger.isMeddled && !memory.ledger.brokenInvariants().isEmpty
      let found = try await memory.heartbeat(worker)
      // A call whose lease ran out is no longer counted, and a counter can be right again by that.
      stage.healed(found.mended, wasWrong: wasWrong && found.expired.isEmpty)
      for expired in found.expired {
        stage.world.note("\(host.name) finds \(expired.call.short) expired")
        if stage.sabotage == .expiredIsRetried {
          memory.change { ledger, now in ledger.judgeAbsent(expired.call, now: now) }
        }
      }
      return found
    }
  }

  override func claim(_ request: ClaimRequest) async throws(StoreError) -> Claim {
    try await self.request(.claim, call: request.call) { () throws(StoreError) in
      let isNew = memory.ledger.calls[request.call] == nil
      let claim = try await memory.claim(request)
      if isNew, case .call(let claimed) = claim {
        stage.claimed(claimed.call, host)
        if stage.sabotage == .claimsAreForgotten {
          memory.change { ledger, now in ledger.lose(claimed.call.id, now: now) }
        }
      }
      return claim
    }
  }

  override func settle(_ settlement: Settlement, thenClaim next: ClaimRequest?) async
    -> SettleAnswer
  {
    let settled: Result<SettleReceipt, StoreError>
    do throws(StoreError) {
      settled = .success(try await settle(settlement))
    } catch {
      settled = .failure(error)
    }
    guard let next else { return SettleAnswer(settled: settled, claim: nil) }
    do throws(StoreError) {
      return SettleAnswer(settled: settled, claim: .success(try await claim(next)))
    } catch {
      return SettleAnswer(settled: settled, claim: .failure(error))
    }
  }

  private func settle(_ settlement: Settlement) async throws(StoreError) -> SettleReceipt {
    let call = settlement.call.id
    return try await request(.settle, call: call) { () throws(StoreError) in
      try await wait(for: settlement.call.reward, [settlement.call.job], atMost: .seconds(2))
      let receipt: SettleReceipt
      if stage.sabotage == .endsAreForgotten {
        var copy = memory.ledger
        receipt = try copy.settle(settlement, now: stage.databaseClock.now.nanoseconds / 1000)
      } else {
        receipt = try await memory.settle(settlement, thenClaim: nil).settled.get()
      }
      stage.world.note(
        "\(host.name) settles \(call.short) \(settlement.result.rawValue): "
          + "\(receipt.issued)+\(receipt.surplus)"
      )
      stage.settled(settlement, receipt)
      return receipt
    }
  }

  override func decide(_ decision: DoubtDecision, worker: WorkerID)
    async throws(StoreError) -> DecisionAnswer
  {
    try await request(.reconcile, call: nil) { () throws(StoreError) in
      let jobs = decision.judged.compactMap { memory.ledger.calls[$0]?.call.job }
      try await wait(for: decision.reward, jobs, atMost: .seconds(5))
      let answer = try await memory.decide(decision, worker: worker)
      stage.decided(decision, answer, host)
      return answer
    }
  }

  override func conclude(_ watch: WatchFinding, worker: WorkerID)
    async throws(StoreError) -> WatchAnswer
  {
    try await request(.reconcile, call: nil) { () throws(StoreError) in
      try await wait(for: watch.reward, atMost: .seconds(5))
      let answer = try await memory.conclude(watch, worker: worker)
      stage.concluded(watch, answer, host)
      return answer
    }
  }

  override func keep(_ reward: RewardID, worker: WorkerID, lease: Duration)
    async throws(StoreError) -> Bool
  {
    try await request(.reconcile, call: nil) { () throws(StoreError) in
      try await wait(for: reward, atMost: .seconds(5))
      return try await memory.keep(reward, worker: worker, lease: lease)
    }
  }

  override func leave(_ reward: RewardID, worker: WorkerID, pause: Duration, counts: Duration?)
    async throws(StoreError)
  {
    try await request(.reconcile, call: nil) { () throws(StoreError) in
      try await wait(for: reward, atMost: .seconds(5))
      try await memory.leave(reward, worker: worker, pause: pause, counts: counts)
    }
  }

  /// Waits for rows that somebody else has locked, but not for ever: a statement has an end.
  private func wait(for reward: RewardID, _ jobs: [JobID] = [], atMost time: Duration)
    async throws(StoreError)
  {
    let world = stage.world
    let end = world.now + time.nanoseconds
    while memory.ledger.locked.rewards.contains(reward)
      || !memory.ledger.locked.jobs.isDisjoint(with: jobs)
    {
      guard world.now < end else {
        throw StoreError(.unavailable, "somebody has locked a row", cause: .locked)
      }
      try? await world.sleep(until: min(end, world.now + 100_000_000))
    }
  }

  override func request<Value: Sendable>(
    _ question: Question,
    call: CallID?,
    _ body: () async throws(StoreError) -> Value
  ) async throws(StoreError) -> Value {
    let world = stage.world
    await travel()
    guard !stage.isDatabaseDown, !host.isCutOff, !world.happens(stage.chaos.databaseFails) else {
      throw StoreError(.unavailable, "the database is down")
    }
    let value: Value
    do throws(StoreError) {
      value = try await body()
    } catch {
      stage.checkCommit()
      throw error
    }
    stage.checkCommit()
    await travel()
    guard !host.isCutOff, !world.happens(stage.chaos.acknowledgementLost) else {
      stage.tally.lostAcknowledgements += 1
      world.note("\(host.name) \(question) \(call?.short ?? ""): acknowledgement lost")
      throw StoreError(.unavailable, "the acknowledgement was lost")
    }
    return value
  }

  /// Half a round trip. It is not cut short by a cancelled task: what was sent was sent.
  private func travel() async {
    let world = stage.world
    let time = world.happens(0.01) ? .seconds(3) : Duration.milliseconds(4)
    try? await world.sleep(until: world.now + world.draw(.microseconds(100)...time))
  }
}
