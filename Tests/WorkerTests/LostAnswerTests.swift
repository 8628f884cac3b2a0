import MemoryStore
import Provisioning
import Testing
import Worker

@Suite("lost answers")
struct LostAnswerTests {
  @Test(
    "rule 1: a claim whose answer is lost is asked again with the same call",
    arguments: [ShakyStore.Fault.questionLost, .answerLost]
  )
  func claim(fault: ShakyStore.Fault) throws {
    let faults: @Sendable (ShakyStore.Question, Int) -> ShakyStore.Fault? = { question, number in
      question == .claim && number <= 3 ? fault : nil
    }
    try Trial.run(.init(faults: faults)) { trial in
      trial.insert(100)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      let claims = trial.store.entries(.claim).prefix(4).map(\.call)
      #expect(claims.count == 4 && Set(claims).count == 1)
      #expect(trial.memory.ledger.calls.count == 1)
    }
  }

  @Test(
    "a settlement whose answer is lost is repeated, with the same next claim",
    arguments: [ShakyStore.Fault.questionLost, .answerLost]
  )
  func settle(fault: ShakyStore.Fault) throws {
    let faults: @Sendable (ShakyStore.Question, Int) -> ShakyStore.Fault? = { question, number in
      question == .settle && number <= 2 ? fault : nil
    }
    let alone = Limits(
      requestsPerSecond: 100,
      burst: 1,
      maxInFlight: 1,
      maxInFlightPerReward: 1
    )
    try Trial.run(.init(limits: alone, faults: faults)) { trial in
      trial.insert(700)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      let settled = trial.store.entries(.settle).prefix(3)
      #expect(Set(settled.map(\.call)).count == 1)
      #expect(Set(settled.map(\.next)).count == 1)
      #expect(trial.issuer.requests.count == 2)
    }
  }

  @Test("a claim that is lost beside its settlement is asked again with the same call")
  func claimBeside() throws {
    let faults: @Sendable (ShakyStore.Question, Int) -> ShakyStore.Fault? = { question, number in
      question == .settle && number == 1 ? .claimLost : nil
    }
    let alone = Limits(
      requestsPerSecond: 100,
      burst: 1,
      maxInFlight: 1,
      maxInFlightPerReward: 1
    )
    try Trial.run(.init(limits: alone, faults: faults)) { trial in
      trial.insert(1500)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      let lost = try #require(trial.store.entries(.settle).first?.next)
      #expect(trial.store.entries(.claim).contains { $0.call == lost })
      #expect(trial.issuer.requests.filter { $0.call.id == lost }.count == 1)
      #expect(trial.memory.ledger.calls.count == 3)
    }
  }

  @Test(
    "whatever is lost, every job ends with exactly its codes",
    arguments: 1...12 as ClosedRange<UInt64>
  )
  func anything(seed: UInt64) throws {
    let faults: @Sendable (ShakyStore.Question, Int) -> ShakyStore.Fault? = { question, number in
      var random = SeededRandom(
        seed: seed &* 1_000_003 &+ UInt64(number) &* 31
          &+ UInt64(truncatingIfNeeded: "\(question)".utf8.reduce(7) { $0 &* 31 &+ Int($1) })
      )
      return switch Int.random(in: 0..<10, using: &random) {
      case 0: .questionLost
      case 1: .answerLost
      case 2 where question == .settle: .claimLost
      default: nil
      }
    }
    try Trial.run(.init(seed: seed, faults: faults)) { trial in
      for reward in 1...4 { trial.insert(1300, of: reward) }
      trial.worker.wake()
      try await trial.untilAllCompleted()
    }
  }
}
