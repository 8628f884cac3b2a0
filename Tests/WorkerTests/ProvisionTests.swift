import MemoryStore
import Provisioning
import Testing
import Worker

@Suite("provisioning")
struct ProvisionTests {
  @Test(
    "jobs of mixed sizes get exactly the codes they ask for",
    arguments: 1...10 as ClosedRange<UInt64>
  )
  func exact(seed: UInt64) throws {
    try Trial.run(.init(seed: seed)) { trial in
      for (index, count) in [1, 499, 500, 501, 1200, 2600, 25].enumerated() {
        trial.insert(count, of: index % 3)
      }
      trial.worker.wake()
      try await trial.untilAllCompleted()
      #expect(Set(trial.issuer.requests.map(\.call.id)).count == trial.issuer.requests.count)
    }
  }

  @Test("never more is in flight than the limits allow, and no less")
  func limits() throws {
    let limits = Limits(
      requestsPerSecond: 1000,
      burst: 1,
      maxInFlight: 3,
      maxInFlightPerReward: 2
    )
    try Trial.run(.init(limits: limits)) { trial in
      trial.insert(6000, of: 1)
      trial.insert(6000, of: 2)
      try await trial.untilAllCompleted()
      #expect(trial.issuer.mostInFlight == 3 && trial.issuer.mostOfOneReward == 2)
    }
  }

  @Test("requests wait for their slots", arguments: [1, 2, 3] as [UInt64])
  func slots(seed: UInt64) throws {
    let limits = Limits(
      requestsPerSecond: 10,
      burst: 1,
      maxInFlight: 4,
      maxInFlightPerReward: 4
    )
    try Trial.run(.init(seed: seed, limits: limits)) { trial in
      trial.insert(10_000)
      try await trial.untilAllCompleted()
      let times = trial.issuer.requests.map(\.at)
      #expect(times.count == 20)
      for (earlier, later) in zip(times, times.dropFirst()) {
        #expect(later - earlier >= .milliseconds(100))
      }
      // And no slot is wasted: 20 slots take 19 spacings.
      #expect(trial.elapsed < .seconds(3))
    }
  }

  @Test(
    "two workers at one ledger provision exactly, within the limits",
    arguments: [1, 2, 3] as [UInt64]
  )
  func twoWorkers(seed: UInt64) throws {
    try Trial.run(.init(seed: seed)) { trial in
      try await trial.withSecondWorker {
        for reward in 1...3 { trial.insert(2000, of: reward) }
        try await trial.untilAllCompleted()
        #expect(trial.issuer.mostInFlight <= 4 && trial.issuer.mostOfOneReward <= 2)
      }
    }
  }

  @Test("when one worker drains, another continues its jobs", arguments: [1, 2, 3] as [UInt64])
  func takesOver(seed: UInt64) throws {
    try Trial.run(.init(seed: seed)) { trial in
      try await trial.withSecondWorker {
        for reward in 1...3 { trial.insert(5000, of: reward) }
        await trial.time.pass(.milliseconds(400))
        trial.worker.drain()
        try await trial.untilAllCompleted()
      }
    }
  }
}
