import MemoryStore
import Provisioning
import Testing
import Worker

@Suite("leases")
struct LeaseTests {
  private static let slowFirst: @Sendable (Int, Call) -> ScriptedIssuer.Scene = { number, _ in
    .init(connecting: number == 1 ? .seconds(40) : .zero)
  }

  @Test("a lease is renewed while the call waits for a connection")
  func renewed() throws {
    try Trial.run(.init(script: Self.slowFirst)) { trial in
      trial.insert(100)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      #expect(trial.memory.ledger.calls.count == 1)
      #expect(trial.store.entries(.renew).count == 8)
    }
  }

  @Test("rule 3: nothing is sent on a lease that was not renewed in time")
  func notRenewed() throws {
    let faults: @Sendable (ShakyStore.Question, Int) -> ShakyStore.Fault? = { question, _ in
      question == .renew ? .questionLost : nil
    }
    try Trial.run(.init(script: Self.slowFirst, faults: faults)) { trial in
      trial.insert(100)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      #expect(trial.issuer.requests.count == 1)
      let states = trial.memory.ledger.calls.values.map(\.state)
      #expect(Set(states) == [.unsent, .issued] && states.count == 2)
    }
  }

  @Test("rule 3: nothing is sent on a lease that the ledger has given up")
  func takenAway() throws {
    try Trial.run(.init(script: Self.slowFirst)) { trial in
      trial.insert(100)
      trial.worker.wake()
      await trial.time.pass(.seconds(1))
      let other = Samples.presence(
        Samples.worker(2),
        limits: Limits(requestsPerSecond: 9, burst: 1, maxInFlight: 9, maxInFlightPerReward: 9),
        lifetime: .seconds(1)
      )
      let expired = trial.memory.change { ledger, now in
        ledger.heartbeat(other, now: now + 16_000_000).expired
      }
      #expect(expired.count == 1)
      try await trial.untilAllCompleted()
      let call = try #require(trial.memory.ledger.calls[expired[0].call])
      #expect(call.state == .unsent && call.errorCode == "lease_lost")
      #expect(!trial.issuer.requests.contains { $0.call.id == expired[0].call })
    }
  }

  @Test("a call of a worker that died is found in doubt and reported")
  func found() throws {
    try Trial.run { trial in
      trial.insert(100)
      let request = ClaimRequest(
        call: Samples.call(1),
        worker: Samples.worker(2),
        lengths: Samples.lengths(lease: .seconds(3))
      )
      try await trial.until { $0.account.limits != nil }
      trial.insert(100, of: 2)
      _ = try await trial.memory.claim(request)
      try await trial.until { $0.calls[request.call]?.state == .inDoubt }
      #expect(trial.log.lines("lease ran out, call in doubt").count == 1)
      #expect(trial.elapsed < .seconds(9))
    }
  }
}
