import MemoryStore
import Provisioning
import Testing
import Worker

@Suite("forgetting old calls")
struct RetentionTests {
  @Test("calls of jobs that ended long ago are forgotten, a batch at a time; codes stay")
  func forgotten() throws {
    try Trial.run(.init(callRetention: .seconds(7200))) { trial in
      for reward in 1...3 { trial.insert(1000, of: reward) }
      trial.worker.wake()
      try await trial.untilAllCompleted()
      #expect(trial.memory.ledger.calls.count == 6)
      // Nothing younger than a day goes.
      try await trial.until(within: .seconds(100_000), every: .seconds(600)) { $0.calls.isEmpty }
      #expect(trial.elapsed > .seconds(86_400) && trial.memory.ledger.codes.count == 3000)
    }
  }

  @Test("a database that does not answer is asked again later")
  func askedAgain() throws {
    let faults: @Sendable (ShakyStore.Question, Int) -> ShakyStore.Fault? = { question, number in
      question == .prune && number <= 2 ? .questionLost : nil
    }
    try Trial.run(.init(callRetention: .seconds(60), faults: faults)) { trial in
      trial.insert(100)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      try await trial.until(within: .seconds(12_000), every: .seconds(60)) { _ in
        trial.store.entries(.prune).count == 3
      }
    }
  }

  @Test("kept for ever, nothing is forgotten")
  func never() throws {
    try Trial.run { trial in
      trial.insert(100)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      await trial.time.pass(.seconds(12_000))
      #expect(trial.store.entries(.prune).isEmpty && trial.memory.ledger.calls.count == 1)
    }
  }
}
