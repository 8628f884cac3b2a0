import MemoryStore
import Provisioning
import Testing

@Suite("rule 6: evidence beats lease")
struct EvidenceTests {
  @Test(
    "a late answer is recorded whatever was thought of the call meanwhile",
    arguments: LedgerKind.allCases
  )
  func late(kind: LedgerKind) async throws {
    let judgements: [CallOutcome] = [
      .unsent(.leaseLost), Scene.refusal(.pace(pause: .zero), 429), .unknown(.timeout),
    ]
    for judgement in judgements {
      try await Scene.lend(kind) { scene in
        let id = try await scene.insert(10)
        let claimed = try await scene.claim()
        try await scene.settle(claimed, judgement)
        let receipt = try await scene.settle(claimed, scene.answer(claimed))
        #expect(receipt.call == .issued && receipt.issued == 10 && receipt.job == .completed)
        #expect(try await scene.job(id).outstanding == 0)
        #expect(try await scene.reward().closedAt == nil)
      }
    }
  }

  @Test(
    "an answer that comes after its lease ran out is recorded, and the reward reopens",
    arguments: LedgerKind.allCases
  )
  func afterExpiry(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(600)
      let claimed = try await scene.claim()
      try await scene.ledger.pass(.seconds(11))
      let heartbeat = try await scene.heartbeat(worker: Scene.otherWorker)
      #expect(heartbeat.expired.map(\.call) == [claimed.call.id])
      #expect(try await scene.reward().closedAt != nil)
      try await scene.settle(claimed, scene.answer(claimed))
      let facts = try await scene.ledger.facts()
      #expect(try facts.job(id).issued == 500 && facts.job(id).outstanding == 0)
      #expect(try facts.reward(Scene.reward).closedAt == nil && facts.account.inFlight == 0)
      #expect(try await scene.claim().call.size == 100)
    }
  }

  @Test(
    "a late answer for which there is no room any more is surplus",
    arguments: LedgerKind.allCases
  )
  func lateWithoutRoom(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let first = try await scene.claim()
      try await scene.settle(first, .unsent(.leaseLost))
      let second = try await scene.claim()
      let receipt = try await scene.settle(first, scene.answer(first))
      #expect(receipt.issued == 0 && receipt.surplus == 10)
      try await scene.settle(second, scene.answer(second))
      let job = try await scene.job(id)
      #expect(job.state == .completed && job.issued == 10 && job.surplus == 10)
    }
  }

  @Test(
    "a late answer to a call, known or lost, of a job that was cancelled meanwhile is surplus",
    arguments: LedgerKind.allCases
  )
  func lateForCancelled(kind: LedgerKind) async throws {
    for isLost in [false, true] {
      try await Scene.lend(kind) { scene in
        let id = try await scene.insert(10)
        let claimed = try await scene.claim()
        if isLost {
          try await scene.ledger.edit(.lose(claimed.call.id))
        } else {
          try await scene.settle(claimed, .unsent(.leaseLost))
        }
        try await scene.ledger.edit(.cancel(id))
        let receipt = try await scene.settle(claimed, scene.answer(claimed))
        #expect(receipt.issued == 0 && receipt.surplus == 10 && receipt.job == .cancelled)
        #expect(try await scene.job(id).issued == 0)
      }
    }
  }

  @Test(
    "an answer takes its own codes back from surplus once there is room",
    arguments: LedgerKind.allCases
  )
  func surplusReturns(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let first = try await scene.claim()
      try await scene.settle(first, .unsent(.leaseLost))
      let second = try await scene.claim()
      let late = scene.settlement(first, scene.answer(first))
      try await scene.settle(late)
      try await scene.settle(second, .unsent(.leaseLost))
      #expect(try await scene.settle(late).issued == 10)
      let job = try await scene.job(id)
      #expect(job.state == .completed && job.surplus == 0 && job.isQueued == false)
    }
  }

  @Test(
    "rule 16: a job that is open uses its surplus before it asks for more",
    arguments: LedgerKind.allCases
  )
  func surplusFirst(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let first = try await scene.claim()
      try await scene.settle(first, .unsent(.leaseLost))
      let second = try await scene.claim()
      try await scene.settle(first, scene.answer(first, codes: 14))
      try await scene.settle(second, .unsent(.leaseLost))
      #expect(try await scene.job(id).surplus == 14)
      #expect(try await scene.ask() == .nothing(wait: .zero, due: nil))
      let job = try await scene.job(id)
      #expect(job.state == .completed && job.issued == 10 && job.surplus == 4)
      #expect(try await scene.ledger.facts().calls.count == 2)
    }
  }

  @Test(
    "rule 16: a job that its surplus fills beside a call that is out asks for nothing",
    arguments: LedgerKind.allCases
  )
  func surplusBesideCall(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(1000)
      let first = try await scene.claim()
      try await scene.settle(first, .unsent(.leaseLost))
      let (second, third) = (try await scene.claim(), try await scene.claim())
      try await scene.settle(first, scene.answer(first))
      try await scene.settle(third, .unsent(.leaseLost))
      #expect(try await scene.ask() == .nothing(wait: .zero, due: nil))
      let job = try await scene.job(id)
      #expect(job.state == .running && job.issued == 500 && job.outstanding == 500)
      #expect(try await scene.settle(second, scene.answer(second)).job == .completed)
    }
  }

  @Test(
    "rule 16: what surplus does not cover is asked for",
    arguments: LedgerKind.allCases
  )
  func surplusInPart(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10, prefix: "CODE-1")
      let first = try await scene.claim()
      try await scene.settle(first, .unsent(.leaseLost))
      let second = try await scene.claim()
      // Of serial numbers 1 to 10 two begin with 1.
      try await scene.settle(first, scene.answer(first))
      try await scene.settle(second, .unsent(.leaseLost))
      let rest = try await scene.claim()
      #expect(rest.call.size == 8 && rest.call.job == id)
      let job = try await scene.job(id)
      #expect(job.issued == 2 && job.outstanding == 8 && job.surplus == 8)
    }
  }

  @Test(
    "a doubtful call that turns out not to have been sent goes back",
    arguments: LedgerKind.allCases
  )
  func doubtfulUnsent(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let claimed = try await scene.claim()
      try await scene.ledger.pass(.seconds(11))
      try await scene.heartbeat()
      #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
      try await scene.settle(claimed, .unsent(.leaseLost))
      #expect(try await scene.call(claimed).state == .unsent)
      #expect(try await scene.claim().call.job == id)
    }
  }

  @Test(
    "a reward stays closed until its last doubtful call is decided",
    arguments: LedgerKind.allCases
  )
  func lastDoubt(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(5000)
      let calls = [try await scene.claim(), try await scene.claim()]
      for call in calls { try await scene.settle(call, .unknown(.timeout)) }
      try await scene.settle(calls[0], scene.answer(calls[0]))
      #expect(try await scene.reward().closedAt != nil)
      try await scene.settle(calls[1], scene.answer(calls[1]))
      #expect(try await scene.reward().closedAt == nil)
    }
  }

  @Test("an answer brings back a claim that a failover lost", arguments: LedgerKind.allCases)
  func lostClaim(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(510)
      let claimed = try await scene.claim()
      try await scene.ledger.edit(.lose(claimed.call.id))
      #expect(try await scene.job(id).outstanding == 0)
      let receipt = try await scene.settle(claimed, scene.answer(claimed))
      #expect(receipt.issued == 500 && receipt.call == .issued)
      #expect(try await scene.call(claimed).lengths == Samples.lengths())
      let facts = try await scene.ledger.facts()
      #expect(try facts.job(id).issued == 500 && facts.account.inFlight == 0)
    }
  }

  @Test(
    "a lost claim whose room others have taken comes back without any",
    arguments: LedgerKind.allCases
  )
  func lostClaimWithoutRoom(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let lost = try await scene.claim()
      try await scene.ledger.edit(.lose(lost.call.id))
      try await scene.heartbeat()
      let other = try await scene.claim()
      let receipt = try await scene.settle(lost, scene.answer(lost))
      #expect(receipt.issued == 0 && receipt.surplus == 10 && receipt.call == .issued)
      try await scene.settle(other, scene.answer(other))
      #expect(try await scene.job(id).state == .completed)
    }
  }

  @Test(
    "a lost claim that is in doubt and has no room leaves its reward watched",
    arguments: LedgerKind.allCases
  )
  func lostDoubtWithoutRoom(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      let lost = try await scene.claim()
      try await scene.ledger.edit(.lose(lost.call.id))
      try await scene.heartbeat()
      _ = try await scene.claim()
      #expect(try await scene.settle(lost, .unknown(.timeout)).call == .absent)
      #expect(try await scene.watchRow().since == startOfTime)
      #expect(try await scene.reward().closedAt == nil)
    }
  }

  @Test(
    "the codes of a job that the ledger does not know are kept as unattributed",
    arguments: LedgerKind.allCases
  )
  func lostJob(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let call = Call(
        id: scene.newCall(),
        job: JobID(99),
        reward: Scene.reward,
        prefix: nil,
        size: 3
      )
      let claimed = ClaimedCall(
        call: call,
        slotDelay: .zero,
        answered: Timestamp(microseconds: startOfTime),
        spacing: .milliseconds(2),
        leeway: .milliseconds(1),
        startsJob: false
      )
      let receipt = try await scene.settle(claimed, scene.answer(claimed))
      #expect(receipt.call == nil && receipt.job == nil && receipt.jobBefore == nil)
      let facts = try await scene.ledger.facts()
      #expect(facts.unattributed.count == 3 && facts.codes.isEmpty)
    }
  }
}
