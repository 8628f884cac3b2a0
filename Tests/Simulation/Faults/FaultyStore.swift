import MemoryStore
import Provisioning

/// The ledger as one host reaches it: late, at times not at all, and at times without a word of
/// what was committed.
struct FaultyStore: Store {
  let base: MemoryStore
  let host: Host
  let stage: Stage

  func tend(_ worker: WorkerPresence) async throws(StoreError) -> Tending {
    try await request("tend") { () throws(StoreError) in
      let tending = try await base.tend(worker)
      for expired in tending.expired {
        stage.world.note("\(host.name) finds \(expired.call.short) expired")
        if stage.sabotage == .expiredIsRetried {
          base.change { ledger, now in ledger.judgeAbsent(expired.call, now: now) }
        }
      }
      return tending
    }
  }

  func claim(_ request: ClaimRequest) async throws(StoreError) -> Claim {
    try await self.request("claim") { () throws(StoreError) in try await committed(request) }
  }

  /// A claim; one that is new may not be of a closed reward.
  private func committed(_ request: ClaimRequest) async throws(StoreError) -> Claim {
    let isNew = base.ledger.calls[request.call] == nil
    let claim = try await base.claim(request)
    if isNew, case .call(let claimed) = claim {
      stage.claimed(claimed.call, host)
      if stage.sabotage == .claimsAreForgotten {
        base.change { ledger, now in ledger.lose(claimed.call.id, now: now) }
      }
    }
    return claim
  }

  func renew(_ calls: [CallID], worker: WorkerID, lease: Duration)
    async throws(StoreError) -> Set<CallID>
  {
    try await request("renew") { () throws(StoreError) in
      try await base.renew(calls, worker: worker, lease: lease)
    }
  }

  func settle(_ settlement: Settlement, thenClaim next: ClaimRequest?) async -> SettleAnswer {
    let name = "settle \(settlement.call.id.short) \(settlement.result.rawValue)"
    let settled: Result<SettleReceipt, StoreError>
    do throws(StoreError) {
      settled = .success(
        try await request(name) { () throws(StoreError) in
          let receipt = try await ended(settlement)
          stage.world.note("\(host.name) \(name): \(receipt.issued)+\(receipt.surplus)")
          stage.settled(settlement, receipt)
          return receipt
        }
      )
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

  func moveSlot(_ call: CallID, worker: WorkerID) async throws(StoreError) -> Duration? {
    try await request("move slot") { () throws(StoreError) in
      try await base.moveSlot(call, worker: worker)
    }
  }

  func heed(_ feedback: PaceFeedback, age: Duration) async throws(StoreError) {
    try await request("heed") { () throws(StoreError) in
      try await base.heed(feedback, age: age)
    }
  }

  private func ended(_ settlement: Settlement) async throws(StoreError) -> SettleReceipt {
    guard stage.sabotage == .endsAreForgotten else {
      return try await base.settle(settlement, thenClaim: nil).settled.get()
    }
    var copy = base.ledger
    return try copy.settle(settlement, now: stage.databaseClock.now.nanoseconds / 1000)
  }

  func recordProbe(_ answer: TeamAnswer, retryAfter pause: Duration) async throws(StoreError) {
    try await request("probe") { () throws(StoreError) in
      try await base.recordProbe(answer, retryAfter: pause)
    }
  }

  func retire(_ worker: WorkerID) async throws(StoreError) {
    try await request("retire") { () throws(StoreError) in try await base.retire(worker) }
  }

  /// One round trip and one commit.
  func request<Value: Sendable>(
    _ name: String,
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
      world.note("\(host.name) \(name): acknowledgement lost")
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
