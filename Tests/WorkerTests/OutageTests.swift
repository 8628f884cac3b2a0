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
      // Signs of life have connections of their own: the end is said when these are back as well.
      await trial.time.pass(.seconds(15))
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

  private static let connecting: [StoreError.Cause] = [
    .unreachable, .noDatabase, .password, .role, .crowd,
  ]

  @Test(
    "each cause is said in its own words, once when it begins and once when it ends",
    arguments: StoreError.Cause.allCases.filter { !connecting.contains($0) }
  )
  func causes(cause: StoreError.Cause) throws {
    let error = StoreError(.unavailable, "why", cause: cause)
    let faults: @Sendable (ShakyStore.Question, Int) -> ShakyStore.Fault? = { question, number in
      question == .claim && number <= 5 ? .refused(error) : nil
    }
    try Trial.run(.init(faults: faults)) { trial in
      trial.insert(700)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      let said = trial.log.lines.filter { $0.level == .warning || $0.level == .notice }
      // A cancelled task is no failure of the database.
      #expect(said.map(\.level) == (cause == .cancelled ? [] : [.warning, .notice]))
      #expect(trial.log.lines("the database does not answer; trying until it does").isEmpty)
    }
  }

  @Test(
    "what has kept heartbeats from the database for a minute is the worker's trouble, until it ends"
  )
  func trouble() throws {
    try Trial.run { trial in
      await trial.time.pass(.seconds(30))
      #expect(trial.worker.trouble == nil)
      trial.store.setAway(true)
      await trial.time.pass(.seconds(50))
      #expect(trial.worker.trouble == nil)
      await trial.time.pass(.seconds(30))
      #expect(trial.worker.trouble == "the database does not answer; trying until it does")
      trial.store.setAway(false)
      await trial.time.pass(.seconds(30))
      #expect(trial.worker.trouble == nil)
    }
  }

  @Test(
    "a refused login is said in its own words, and over when the connections that met it work",
    arguments: [
      (
        .noDatabase, "the database does not exist; trying until it does",
        "the database exists again"
      ),
      (
        .password, "the server refuses the password; trying until it accepts it",
        "the server accepts the password again"
      ),
      (
        .role, "the server does not let the role in; trying until it does",
        "the server lets the role in again"
      ),
    ] as [(StoreError.Cause, String, String)]
  )
  func login(cause: StoreError.Cause, begins: String, ends: String) throws {
    let refused = StoreError(.unavailable, "why", cause: cause)
    let faults: @Sendable (ShakyStore.Question, Int) -> ShakyStore.Fault? = { question, number in
      question == .heartbeat && number <= 3 ? .refused(refused) : nil
    }
    try Trial.run(.init(faults: faults)) { trial in
      trial.insert(700)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      await trial.time.pass(.seconds(60))
      #expect(trial.log.lines(begins).map(\.level) == [.warning])
      #expect(trial.log.lines(ends).map(\.level) == [.notice])
    }
  }

  @Test("a lock that stops claims is not taken back by heartbeats and renewals that succeed")
  func lock() throws {
    let locked = StoreError(.unavailable, "why", cause: .locked)
    let faults: @Sendable (ShakyStore.Question, Int) -> ShakyStore.Fault? = { question, number in
      question == .claim && number < 100 ? .refused(locked) : nil
    }
    try Trial.run(.init(faults: faults)) { trial in
      trial.insert(700)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      #expect(trial.store.entries(.heartbeat).count > 20)
      let words = "somebody else holds a lock for too long; trying until it is released"
      #expect(trial.log.lines(words).count == 1)
      #expect(trial.log.lines("the lock was released").count == 1)
    }
  }

  @Test(
    """
    a call that cannot be settled while others can: said once when it begins and once when it ends, asked \
    ever less often, told to the ledger with its answer, and settled when it can be
    """
  )
  func oneCall() throws {
    let refused = StoreError(.failed, "why", cause: .refused, sqlState: "P0001")
    try Trial.run { trial in
      trial.store.refuse(Samples.reward(1), refused)
      let job = trial.insert(400)
      trial.insert(40_000, of: 2)
      trial.worker.wake()
      try await trial.until { $0.jobs.values.contains { $0.state == .completed } }
      await trial.time.pass(.seconds(600))
      let words = "the database refuses; trying until somebody has repaired it"
      let begins = trial.log.lines(words)
      #expect(begins.map(\.level) == [.warning])
      #expect(begins.first?.metadata.contains("call") == true)
      #expect(trial.log.lines("the database does again what it is asked").isEmpty)
      #expect(try trial.job(job).outstanding == 400)
      let call = try #require(trial.memory.ledger.refusals.keys.first)
      #expect(trial.memory.ledger.answers[call] != nil)
      // Up to 15 s apart, 7.5 in the mean.
      #expect(trial.store.entries(.settle).count { $0.call == call } < 200)
      trial.store.refuse(Samples.reward(1), nil)
      try await trial.untilAllCompleted()
      #expect(trial.log.lines(words).count == 1)
      #expect(trial.log.lines("the database does again what it is asked").count == 1)
      #expect(trial.memory.ledger.refusals.isEmpty && trial.memory.ledger.answers.isEmpty)
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
