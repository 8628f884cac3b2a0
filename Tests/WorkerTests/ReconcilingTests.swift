import MemoryStore
import Provisioning
import Synchronization
import Testing

@testable import Worker

@Suite("calls in doubt")
struct ReconcilingTests {
  private typealias Scene = ScriptedIssuer.Scene

  /// So many first answers to requests for these rewards are lost, and the codes are made.
  private func losing(_ answers: [Int: Int]) -> @Sendable (Int, Call) -> Scene {
    let left = Mutex(
      Dictionary(uniqueKeysWithValues: answers.map { (Samples.reward($0), $1) })
    )
    return { _, call in
      left.withLock { left in
        guard let number = left[call.reward], number > 0 else { return Scene() }
        left[call.reward] = number - 1
        return Scene(ending: .lost)
      }
    }
  }

  private func untilIssued(_ trial: Trial, _ job: JobID) async throws {
    try await trial.until { $0.jobs[job]?.state == .completed }
  }

  @Test("rule 10: a reward without a clean answer borrows the evidence of another one, once")
  func reference() throws {
    try Trial.run(.init(script: losing([2: 1]))) { trial in
      trial.issuer.startListing()
      let clean = trial.insert(10, of: 1)
      trial.worker.wake()
      try await untilIssued(trial, clean)
      trial.insert(10, of: 2)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      #expect(trial.issuer.codesMade == 20)
      #expect(trial.issuer.pagesListed(of: Samples.reward(1)) == 1)
      // At once: long before the call could no longer take effect.
      #expect(trial.elapsed < .seconds(15))
    }
  }

  @Test("rule 12: a call that made nothing is decided as soon as it can be, not a heartbeat later")
  func prompt() throws {
    let script: @Sendable (Int, Call) -> Scene = { number, _ in
      number == 2 ? Scene(ending: .outcome(.unknown(.timeout))) : Scene()
    }
    // A heartbeat comes every 20 seconds.
    try Trial.run(.init(lease: .seconds(60), script: script)) { trial in
      trial.issuer.startListing()
      let clean = trial.insert(10)
      trial.worker.wake()
      try await untilIssued(trial, clean)
      trial.insert(7)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      let call = try #require(trial.memory.ledger.calls.values.first { $0.state == .absent })
      let listed = Duration.microseconds(try #require(call.settledAt) - call.effectiveUntil)
      // Two listings, ten seconds apart.
      #expect(listed >= .seconds(10) && listed < .seconds(11), "\(listed)")
    }
  }

  @Test("what a reading shows of the API is noted: the largest page, and a list that is behind")
  func sights() throws {
    let script: @Sendable (Int, Call) -> Scene = { number, _ in
      number == 2 ? Scene(ending: .lost) : Scene()
    }
    try Trial.run(.init(script: script)) { trial in
      trial.issuer.startListing()
      let clean = trial.insert(10)
      trial.worker.wake()
      try await untilIssued(trial, clean)
      trial.issuer.hideNewest(17)
      trial.insert(7)
      trial.worker.wake()
      try await trial.until { _ in trial.store.sights.contains { $0.behind != nil } }
      trial.issuer.hideNewest(0)
      try await trial.untilAllCompleted()
      let last = try #require(trial.store.sights.last)
      #expect(last.largestPage == 17 && last.asked == ListingReader.pageSize && last.behind == nil)
      #expect(trial.issuer.codesMade == 17)
    }
  }

  @Test("why the list of a call in doubt cannot be had is told to the ledger, until it can")
  func listingError() throws {
    let script: @Sendable (Int, Call) -> Scene = { number, _ in
      number == 2 ? Scene(ending: .lost) : Scene()
    }
    try Trial.run(.init(script: script)) { trial in
      trial.issuer.startListing()
      let clean = trial.insert(10)
      trial.worker.wake()
      try await untilIssued(trial, clean)
      trial.issuer.failListing(.failed("status 503"))
      trial.insert(7)
      trial.worker.wake()
      try await trial.until { _ in trial.store.sights.last?.error == "status 503" }
      trial.issuer.failListing(nil)
      try await trial.untilAllCompleted()
      #expect(trial.store.sights.last.map { $0.error == nil } == true)
    }
  }

  @Test("rule 15: a call without any evidence is held, and adopted once an answer gives some")
  func unwitnessed() throws {
    try Trial.run(.init(script: losing([1: 1]))) { trial in
      trial.issuer.startListing()
      let first = trial.insert(10)
      trial.worker.wake()
      try await trial.until { $0.calls.values.contains { $0.heldAt != nil } }
      let held = trial.memory.ledger.calls.values.first { $0.heldAt != nil }
      #expect(held?.holdReason == HoldReason.unwitnessed.rawValue)
      #expect(try !trial.job(first).held)
      trial.insert(10)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      #expect(trial.issuer.codesMade == 20)
    }
  }

  @Test("rule 10: a list that also shows the codes of other rewards gives none of them away")
  func otherRewards() throws {
    try Trial.run(.init(script: losing([1: 1, 2: 1]))) { trial in
      trial.issuer.startListing()
      trial.issuer.listEverything()
      let clean = trial.insert(10, of: 3)
      trial.worker.wake()
      try await untilIssued(trial, clean)
      trial.insert(20, of: 1)
      trial.insert(20, of: 2)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      #expect(trial.issuer.codesMade == 50)
    }
  }

  @Test("rule 8: one item that cannot be read leaves the others to be adopted by a person")
  func unreadable() throws {
    try Trial.run(.init(script: losing([1: 1]))) { trial in
      trial.issuer.startListing()
      let clean = trial.insert(10, of: 2)
      trial.worker.wake()
      try await untilIssued(trial, clean)
      trial.issuer.spoil([7])
      trial.insert(20)
      trial.worker.wake()
      try await trial.until { $0.calls.values.contains { $0.heldAt != nil } }
      let held = trial.memory.ledger.calls.values.first { $0.heldAt != nil }
      #expect(held?.holdReason == HoldReason.nulls.rawValue)
      #expect(trial.memory.ledger.unattributed.count == 19)
      // When it can be read again, nobody has to decide.
      trial.issuer.spoil([])
      try await trial.untilAllCompleted()
      #expect(trial.issuer.codesMade == 30)
    }
  }

  @Test("rule 8: an item that cannot be read disturbs nothing if its id is known")
  func knownUnreadable() throws {
    let script: @Sendable (Int, Call) -> Scene = { number, _ in
      number == 2 ? Scene(ending: .lost) : Scene()
    }
    try Trial.run(.init(script: script)) { trial in
      trial.issuer.startListing()
      let clean = trial.insert(10)
      trial.worker.wake()
      try await untilIssued(trial, clean)
      trial.issuer.spoil([0, 4, 9])
      trial.insert(7)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      #expect(trial.issuer.codesMade == 17)
      #expect(trial.memory.ledger.calls.values.allSatisfy { $0.heldAt == nil })
    }
  }

  @Test("rule 12: a list that fails is held against after 15 minutes, as often asked as it wants")
  func failing() throws {
    try Trial.run(.init(script: losing([1: 2]))) { trial in
      trial.issuer.failListing(.failed("too many requests", retryAfter: .seconds(60)))
      trial.insert(10)
      trial.worker.wake()
      try await trial.until { $0.calls.values.contains { $0.heldAt != nil } }
      let held = trial.memory.ledger.calls.values.first { $0.heldAt != nil }
      #expect(held?.holdReason == HoldReason.unlistable.rawValue)
      #expect(trial.elapsed > .seconds(14 * 60) && trial.elapsed < .seconds(18 * 60))
      #expect(trial.issuer.pagesListed(of: Samples.reward(1)) < 20)
    }
  }

  @Test("rule 12: the 15 minutes stand still while the account may not send")
  func standStill() throws {
    let script: @Sendable (Int, Call) -> Scene = { number, _ in
      Scene(ending: .outcome(number == 1 ? .unknown(.timeout) : refusal(.credentials, 401)))
    }
    try Trial.run(.init(script: script)) { trial in
      trial.issuer.teamSays(
        Array(repeating: .refused(code: "no", message: "key"), count: 1000)
      )
      trial.insert(10)
      trial.worker.wake()
      try await trial.until { $0.rewards.values.contains { $0.undecidedFor > 0 } }
      trial.insert(10, of: 2)
      trial.worker.wake()
      try await trial.until { $0.account.blockedAt != nil }
      await trial.time.pass(.seconds(3600))
      #expect(trial.memory.ledger.calls.values.allSatisfy { $0.heldAt == nil })
    }
  }

  @Test("rule 17: a list that is refused for its key blocks the account; no call is held for that")
  func refusedKey() throws {
    let script: @Sendable (Int, Call) -> Scene = { number, _ in
      number == 1 ? Scene(ending: .outcome(.unknown(.timeout))) : Scene()
    }
    try Trial.run(.init(script: script)) { trial in
      trial.issuer.startListing()
      trial.issuer.failListing(.keyRefused(code: "unauthorized", message: "no"))
      trial.issuer.teamSays(Array(repeating: .refused(code: "no", message: "key"), count: 1000))
      trial.insert(10)
      trial.worker.wake()
      try await trial.until { $0.account.blockedAt != nil }
      await trial.time.pass(.seconds(3600))
      #expect(trial.memory.ledger.calls.values.allSatisfy { $0.heldAt == nil })
      #expect(trial.memory.ledger.rewards.values.allSatisfy { $0.undecidedFor == 0 })
      // With the right key all goes on.
      trial.issuer.failListing(nil)
      trial.issuer.teamSays([.accepted])
      try await trial.untilAllCompleted()
      #expect(trial.memory.ledger.account.blockedAt == nil)
    }
  }

  @Test(
    "rule 12: codes that somebody else makes all the time do not keep a call undecided for ever"
  )
  func stream() throws {
    let script: @Sendable (Int, Call) -> Scene = { number, _ in
      number == 1 ? Scene(ending: .outcome(.unknown(.timeout))) : Scene()
    }
    try Trial.run(.init(script: script)) { trial in
      trial.issuer.startListing()
      trial.insert(10)
      trial.worker.wake()
      try await trial.until(every: .milliseconds(1500)) { ledger in
        trial.issuer.makeForeign(1, of: Samples.reward(1))
        return ledger.calls.values.contains { $0.heldAt != nil }
      }
      let held = trial.memory.ledger.calls.values.first { $0.heldAt != nil }
      #expect(held?.holdReason == HoldReason.disagreeing.rawValue)
      #expect(trial.elapsed > .seconds(15 * 60) && trial.elapsed < .seconds(30 * 60))
      #expect(trial.issuer.pagesListed(of: Samples.reward(1)) < 200)
    }
  }

  @Test("rule 12: a reward whose list takes long does not keep another one waiting")
  func besideEachOther() throws {
    try Trial.run(.init(script: losing([2: 1, 3: 1]))) { trial in
      trial.issuer.startListing()
      let clean = trial.insert(10, of: 1)
      trial.worker.wake()
      try await untilIssued(trial, clean)
      trial.issuer.delayListing(of: Samples.reward(2), by: .seconds(25))
      let slow = trial.insert(10, of: 2)
      trial.worker.wake()
      try await trial.until { _ in trial.issuer.pagesListed(of: Samples.reward(2)) == 1 }
      let quick = trial.insert(10, of: 3)
      trial.worker.wake()
      try await untilIssued(trial, quick)
      #expect(try trial.job(slow).state == .running)
      try await trial.untilAllCompleted()
    }
  }

  @Test("rule 13: codes to set aside move in pieces, before their call is held")
  func pieces() throws {
    try Trial.run(.init(script: losing([1: 1]))) { trial in
      trial.issuer.startListing()
      trial.insert(10)
      trial.worker.wake()
      try await trial.until { $0.calls.values.contains { $0.state == .inDoubt } }
      trial.issuer.makeForeign(2 * Bounds.decisionPiece + 1, of: Samples.reward(1))
      try await trial.until { $0.calls.values.contains { $0.heldAt != nil } }
      let ledger = trial.memory.ledger
      let held = ledger.calls.values.first { $0.heldAt != nil }
      #expect(held?.holdReason == HoldReason.unexplained.rawValue)
      #expect(ledger.unattributed.count == 2 * Bounds.decisionPiece + 11)
    }
  }

  @Test("rule 4: the lengths of a call's sender pass on this worker's own clock too")
  func ownClock() {
    let sightings = DoubtSightings()
    func remaining(at second: Int64, databaseIs: Int64) -> Duration? {
      let call = Call(
        id: Samples.call(1),
        job: JobID(1),
        reward: Samples.reward(1),
        prefix: nil,
        size: 1
      )
      let doubt = DoubtCase(
        reward: Samples.reward(1),
        calls: [
          DoubtfulCall(
            call: call,
            earliest: Timestamp(microseconds: 0),
            effectiveUntil: Timestamp(microseconds: 100_000_000),
            effectiveFor: .seconds(40),
            listingGap: .seconds(10)
          )
        ],
        mustShow: [],
        offset: nil,
        now: Timestamp(microseconds: databaseIs * 1_000_000)
      )
      return sightings.remaining(doubt, at: Instant(nanoseconds: second * 1_000_000_000))[call.id]
    }
    // The database's clock was set an hour ahead: by it the call is long past.
    #expect(remaining(at: 1, databaseIs: 3600) == .seconds(40))
    #expect(remaining(at: 31, databaseIs: 3630) == .seconds(10))
    #expect(remaining(at: 41, databaseIs: 3640) == .zero)
    // Where it was not, the later of the two counts.
    #expect(remaining(at: 61, databaseIs: 60) == .seconds(40))
  }
}
