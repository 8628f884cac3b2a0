import MemoryStore
import Provisioning
import Testing

@Suite("refusals")
struct RefusalTests {
  @Test(
    "a refused request fails its job with the API's own words",
    arguments: LedgerKind.allCases,
    [400, 404]
  )
  func request(kind: LedgerKind, status: Int) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let claimed = try await scene.claim()
      #expect(try await scene.settle(claimed, Scene.refusal(.request, status)).job == .failed)
      let job = try await scene.job(id)
      #expect(job.errorCode == "c\(status)" && job.errorMessage == "m\(status)")
      #expect(job.outstanding == 0 && job.finishedAt == startOfTime)
      #expect(try await scene.call(claimed).state == .rejected)
    }
  }

  @Test(
    "rule 16: a job refused while calls are outstanding is ending until the last is settled",
    arguments: LedgerKind.allCases
  )
  func ending(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(1500)
      let calls = [try await scene.claim(), try await scene.claim()]
      #expect(try await scene.settle(calls[0], Scene.refusal(.request, 404)).job == .ending)
      #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
      let last = try await scene.settle(calls[1], scene.answer(calls[1]))
      #expect(last.job == .failed && last.issued == 500)
      let job = try await scene.job(id)
      #expect(job.issued == 500 && job.endsAs == nil && job.errorCode == "c404")
    }
  }

  @Test(
    "a refused key blocks the account and fails nothing; an accepted probe unblocks it",
    arguments: LedgerKind.allCases
  )
  func key(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let claimed = try await scene.claim()
      #expect(try await scene.settle(claimed, Scene.refusal(.credentials, 401)).job == .running)
      #expect(try await scene.job(id).isQueued)
      #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
      let block = AccountBlock(code: "c401", message: "m401", probeNow: true)
      #expect(try await scene.heartbeat().block == block)
      let others = try await scene.heartbeat(worker: Scene.otherWorker).block
      #expect(others == AccountBlock(code: "c401", message: "m401", probeNow: false))
      let store = scene.ledger.store
      try await store.recordProbe(.refused(code: "c2", message: "m2"))
      try await scene.ledger.pass(.seconds(30))
      #expect(try await scene.heartbeat().block?.code == "c2")
      try await store.recordProbe(.unreachable("no"))
      #expect(
        try await scene.heartbeat().block
          == AccountBlock(code: "c2", message: "m2", probeNow: false)
      )
      try await store.recordProbe(.accepted)
      #expect(try await scene.heartbeat().block == nil)
      #expect(try await scene.claim().call.job == id)
    }
  }

  @Test(
    "rule 17: a 403 that the team's check shares blocks the account with the check's own words",
    arguments: LedgerKind.allCases
  )
  func team(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      let claimed = try await scene.claim()
      let team = TeamAnswer.refused(code: "key_expired", message: "the key has expired")
      try await scene.settle(
        scene.settlement(claimed, Scene.refusal(.forbidden, 403), team: team)
      )
      let block = try await scene.heartbeat().block
      #expect(block?.code == "key_expired" && block?.message == "the key has expired")
    }
  }

  @Test(
    "rule 17: a 403 of one reward pauses it alone, and after the bound holds its jobs",
    arguments: LedgerKind.allCases
  )
  func reward(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let other = try await scene.insert(10_000, of: Scene.otherReward, priority: 9)
      for refusals in 1...Bounds.rewardRefusals {
        let claimed = try await scene.claim()
        #expect(claimed.call.job == id)
        #expect(try await scene.reward().failures == refusals - 1)
        let refused = scene.settlement(
          claimed,
          Scene.refusal(.forbidden, 403),
          team: .accepted,
          jitter: Double(refusals) / 10
        )
        try await scene.settle(refused)
        if refusals < Bounds.rewardRefusals {
          #expect(try await scene.claim().call.job == other)
          try await scene.ledger.pass(.seconds(300))
        }
      }
      let job = try await scene.job(id)
      #expect(job.held && job.state == .running && job.isQueued == false && job.outstanding == 0)
      #expect(job.errorCode == "c403" && job.errorMessage == "m403")
      #expect(try await scene.job(other).held == false)
    }
  }

  @Test(
    "rule 17: an answer with codes of another call does not end a row of a reward's refusals",
    arguments: LedgerKind.allCases
  )
  func unclean(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(1500)
      var calls: [ClaimedCall] = []
      for _ in 1...3 { calls.append(try await scene.claim()) }
      let answer = scene.answer(calls[0])
      try await scene.settle(calls[0], answer)
      let refused = scene.settlement(calls[1], Scene.refusal(.forbidden, 403), team: .accepted)
      try await scene.settle(refused)
      try await scene.settle(calls[2], answer)
      let reward = try await scene.reward()
      #expect(reward.failures == 1 && reward.errorCode == "c403" && reward.pausedUntil != nil)
    }
  }

  @Test(
    "rule 17: an ending that is repeated is one failure of its reward",
    arguments: LedgerKind.allCases
  )
  func repeated(kind: LedgerKind) async throws {
    let endings: [(CallOutcome, status: Int)] = [
      (Scene.refusal(.forbidden, 403), 403),
      (.unknown(.status(503, code: "http_503", message: "down")), 503),
    ]
    for (outcome, status) in endings {
      try await Scene.lend(kind) { scene in
        _ = try await scene.insert(10)
        let claimed = try await scene.claim()
        let failed = scene.settlement(claimed, outcome, team: .accepted, status: status)
        for _ in 1...2 { try await scene.settle(failed) }
        #expect(try await scene.reward().failures == 1)
      }
    }
  }

  @Test(
    "rule 17: a row of 5xx on one reward is its own while others are answered, and holds its jobs",
    arguments: LedgerKind.allCases
  )
  func failingReward(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let other = try await scene.insert(100_000, of: Scene.otherReward, priority: 9)
      for failures in 1...Bounds.rewardRefusals {
        let claimed = try await scene.claim()
        #expect(claimed.call.job == id)
        #expect(try await scene.reward().failures == failures - 1)
        let failed = scene.settlement(
          claimed,
          .unknown(.status(503, code: "http_503", message: "down")),
          status: 503,
          jitter: Double(failures) / 10
        )
        try await scene.settle(failed)
        #expect(try await scene.call(claimed).state == .inDoubt)
        let account = try await scene.ledger.facts().account
        #expect(account.failures == (failures < Bounds.ownFailures ? 1 : 0))
        try await scene.ledger.pass(.seconds(60))
        let next = try await scene.claim()
        #expect(next.call.job == other)
        try await scene.settle(next, scene.answer(next))
        try await scene.decide(try await scene.doubt()) { $0.absent = [claimed.call.id] }
        try await scene.ledger.pass(.seconds(300))
      }
      let job = try await scene.job(id)
      #expect(job.held && job.isQueued == false && job.outstanding == 0)
      #expect(job.errorCode == "http_503")
      #expect(try await scene.job(other).held == false)
      try await scene.ledger.edit(.cancel(id))
      let cancelled = try await scene.job(id)
      #expect(cancelled.state == .cancelled && !cancelled.held)
    }
  }

  @Test(
    "rule 17: a row of 5xx while nothing else is answered is the account's",
    arguments: LedgerKind.allCases
  )
  func failingAccount(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      for failures in 1...Bounds.breakerFailures {
        let claimed = try await scene.claim()
        let outcome = CallOutcome.unknown(.status(503, code: "http_503", message: "down"))
        try await scene.settle(scene.settlement(claimed, outcome, status: 503))
        #expect(try await scene.ledger.facts().account.failures == failures)
        guard failures < Bounds.breakerFailures else { break }
        try await scene.ledger.pass(.seconds(60))
        try await scene.decide(try await scene.doubt()) { $0.absent = [claimed.call.id] }
      }
      #expect(try await scene.ledger.facts().account.breaker == .open)
      #expect(try await scene.job(id).held == false)
    }
  }

  @Test("a 429 pauses everybody for as long as it asks", arguments: LedgerKind.allCases)
  func pace(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      _ = try await scene.insert(10, of: Scene.otherReward)
      let claimed = try await scene.claim()
      try await scene.settle(claimed, Scene.refusal(.pace(pause: .seconds(7)), 429))
      guard case .nothing(let wait?, _) = try await scene.ask() else {
        Issue.record("claimed during the pause")
        return
      }
      #expect(wait == .seconds(7) - SlotLimiter.shortestHorizon)
      try await scene.ledger.pass(wait)
      let next = try await scene.claim()
      #expect(next.slotDelay == SlotLimiter.shortestHorizon)
      #expect(try await scene.ledger.facts().account.failures == 0)
    }
  }

  @Test("what was never sent goes back at once", arguments: LedgerKind.allCases)
  func unsent(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let claimed = try await scene.claim()
      let settlement = scene.settlement(claimed, .unsent(.draining))
      let answer = await scene.ledger.store.settle(settlement, thenClaim: scene.request())
      #expect(try answer.settled.get().call == .unsent)
      guard case .call(let next) = try #require(try answer.claim?.get()) else {
        Issue.record("nothing to claim")
        return
      }
      #expect(next.call.job == id && next.call.size == 10)
    }
  }
}
