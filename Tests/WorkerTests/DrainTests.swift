import MemoryStore
import Provisioning
import Testing
import Worker

@Suite("draining")
struct DrainTests {
  @Test("a call that waits for its slot is given back at once")
  func givesBack() throws {
    let slow = Limits(
      requestsPerSecond: 0.1,
      burst: 1,
      maxInFlight: 4,
      maxInFlightPerReward: 4
    )
    try Trial.run(.init(limits: slow)) { trial in
      let job = trial.insert(5000)
      trial.worker.wake()
      await trial.time.pass(.seconds(2))
      #expect(try trial.job(job).outstanding == 500)
      trial.worker.drain()
      try await trial.until(within: .seconds(1)) { $0.workers.isEmpty }
      let calls = trial.memory.ledger.calls.values
      #expect(Set(calls.map(\.state)) == [.issued, .unsent])
      #expect(calls.first { $0.state == .unsent }?.errorCode == "draining")
      #expect(try trial.job(job).outstanding == 0 && trial.job(job).isQueued)
    }
  }

  @Test("what is in flight is settled, and nothing new is claimed")
  func settles() throws {
    let script: @Sendable (Int, Call) -> ScriptedIssuer.Scene = { _, _ in
      .init(latency: .seconds(20))
    }
    try Trial.run(.init(script: script)) { trial in
      let job = trial.insert(5000)
      trial.worker.wake()
      await trial.time.pass(.seconds(3))
      let claims = trial.store.entries(.claim).count
      trial.worker.drain()
      trial.worker.drain()
      await trial.time.pass(.seconds(5))
      #expect(trial.worker.callsInFlight.count == 2)
      #expect(trial.memory.ledger.workers[Trial.id]?.isDraining == true)
      try await trial.until(within: .seconds(20)) { $0.workers.isEmpty }
      #expect(try trial.job(job).issued == 1000 && trial.job(job).outstanding == 0)
      #expect(trial.store.entries(.claim).count == claims)
      #expect(trial.store.entries(.settle).allSatisfy { $0.next == nil })
      #expect(trial.issuer.requests.count == 2)
    }
  }

  @Test("with the database away it keeps trying, and names its calls")
  func away() throws {
    try Trial.run { trial in
      let job = trial.insert(1000)
      trial.worker.wake()
      await trial.time.pass(.milliseconds(60))
      trial.store.setAway(true)
      trial.worker.drain()
      await trial.time.pass(.seconds(120))
      #expect(trial.worker.callsInFlight.count == 2)
      trial.store.setAway(false)
      try await trial.until(within: .seconds(10)) { $0.workers.isEmpty }
      #expect(try trial.job(job).issued == 1000)
    }
  }

  @Test("a claim whose answer was lost is resolved before it ends")
  func pendingClaim() throws {
    let faults: @Sendable (ShakyStore.Question, Int) -> ShakyStore.Fault? = { question, number in
      question == .claim && number == 1 ? .answerLost : nil
    }
    let setting = Trial.Setting(poll: .seconds(60), faults: faults)
    try Trial.run(setting) { trial in
      await trial.time.pass(.seconds(1))
      let job = trial.insert(100)
      trial.worker.wake()
      try await trial.until { $0.calls.count == 1 }
      trial.worker.drain()
      try await trial.until(within: .seconds(10)) { $0.workers.isEmpty }
      #expect(trial.memory.ledger.calls.values.map(\.state) == [.unsent])
      #expect(try trial.job(job).outstanding == 0 && trial.issuer.requests.isEmpty)
    }
  }

  @Test("a claim whose answer was lost is resolved, even if the database refused it afterwards")
  func refusedAfterLoss() throws {
    let locked = StoreError(.unavailable, "why", cause: .locked, sqlState: "55P03")
    let faults: @Sendable (ShakyStore.Question, Int) -> ShakyStore.Fault? = { question, number in
      guard question == .claim else { return nil }
      return number == 1 ? .answerLost : number == 2 ? .refused(locked) : nil
    }
    try Trial.run(Trial.Setting(poll: .seconds(60), faults: faults)) { trial in
      await trial.time.pass(.seconds(1))
      let job = trial.insert(100)
      trial.worker.wake()
      try await trial.until { $0.calls.count == 1 }
      trial.worker.drain()
      try await trial.until(within: .seconds(20)) { $0.workers.isEmpty }
      #expect(trial.memory.ledger.calls.values.map(\.state) == [.unsent])
      #expect(try trial.job(job).outstanding == 0 && trial.issuer.requests.isEmpty)
    }
  }

  @Test("a worker that is drained before it runs claims nothing")
  func beforehand() throws {
    try Trial.run { trial in
      trial.insert(100)
      trial.worker.drain()
      await trial.time.pass(.seconds(60))
      #expect(trial.store.entries(.claim).isEmpty)
    }
  }
}
