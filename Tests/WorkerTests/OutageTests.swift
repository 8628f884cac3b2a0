import Logging
import MemoryStore
import Provisioning
import Testing
import Worker

@Suite("the database away")
struct OutageTests {
  @Test(
    "nothing is lost, and it is said once that it went and once that it came back",
    arguments: [3, 60, 600]
  )
  func away(seconds: Int) throws {
    try Trial.run { trial in
      trial.insert(5000)
      trial.worker.wake()
      await trial.time.pass(.microseconds(300_500))
      trial.store.setAway(true)
      await trial.time.pass(.seconds(seconds))
      #expect(!trial.worker.callsInFlight.isEmpty)
      trial.store.setAway(false)
      try await trial.untilAllCompleted()
      let gone = trial.log.lines("the database does not answer; trying until it does")
      #expect(gone.count == 1 && gone.first?.level == .warning)
      let back = trial.log.lines("the database answers again")
      #expect(back.count == 1 && back.first?.level == .notice)
      #expect(trial.store.entries.count < 200 + seconds * 4)
    }
  }

  @Test("a worker that starts without a database works once there is one")
  func atStart() throws {
    try Trial.run { trial in
      trial.store.setAway(true)
      trial.insert(700)
      await trial.time.pass(.seconds(30))
      trial.store.setAway(false)
      try await trial.untilAllCompleted()
      #expect(trial.log.lines("the database answers again").count == 1)
    }
  }

  @Test("a failure that only somebody can mend is retried with growing pauses")
  func notHot() throws {
    try Trial.run { trial in
      trial.store.setAway(true)
      await trial.time.pass(.seconds(3600))
      // Pauses are up to 5 s, 2.5 s in the mean.
      #expect(trial.store.entries.count < 3600)
      #expect(trial.log.lines.count == 1)
      trial.store.setAway(false)
    }
  }
}
