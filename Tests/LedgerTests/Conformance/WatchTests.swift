import MemoryStore
import Provisioning
import Testing

@Suite("watching a reward")
struct WatchTests {
  @Test(
    "rule 7: a code that an answer has shown since it was listed takes no kept-back code's place",
    arguments: LedgerKind.allCases
  )
  func shownMeanwhile(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let job = try await scene.insert(10)
      _ = try await scene.insert(5)
      let (short, exact) = (try await scene.claim(), try await scene.claim())
      let kept = scene.mint.make(10, of: Scene.reward)
      try await scene.settle(short, scene.short(short, of: kept, shown: 9))
      let watch = try await scene.watch()
      let shown = scene.mint.make(5, of: Scene.reward)
      try await scene.settle(exact, .issued(Answer(codes: shown, nulls: 0, body: [])))
      let ended = [EndedJob(job: job, state: .completed)]
      let answer = try await scene.conclude(watch, finding: shown + kept.suffix(1))
      #expect(answer == .done(issued: 1, surplus: 0, ended: ended))
    }
  }

  @Test(
    "rule 14: a reward with an absent call is listed after 1 min, 10 min, 1 h and 24 h",
    arguments: LedgerKind.allCases
  )
  func rounds(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      try await scene.absentCall()
      var minute: Int64 = 0
      for due: Int64 in [1, 10, 60, 24 * 60] {
        try await scene.ledger.pass(.seconds(60 * (due - minute)) - .milliseconds(1))
        #expect(try await scene.listWatched() == nil)
        try await scene.ledger.pass(.milliseconds(1))
        #expect(try await scene.listWatched() == .done(issued: 0, surplus: 0))
        minute = due
      }
      let watch = try await scene.watchRow()
      #expect(watch.nextListingAt == nil && watch.since == nil && watch.ended == "listed")
    }
  }

  @Test(
    "rule 14: codes that come to light after a call was judged absent are surplus",
    arguments: LedgerKind.allCases
  )
  func surplus(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let job = try await scene.absentCall()
      try await scene.ledger.pass(.seconds(60))
      let late = scene.mint.make(10, of: Scene.reward)
      #expect(try await scene.listWatched(finding: late) == .done(issued: 0, surplus: 10))
      let facts = try await scene.ledger.facts()
      #expect(try facts.job(job).surplus == 10 && facts.job(job).issued == 0)
      #expect(facts.codes.values.allSatisfy { $0.isSurplus })
    }
  }

  @Test(
    "rule 14: codes wait for the outcome of every call that was in flight while listing ran",
    arguments: LedgerKind.allCases
  )
  func waits(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let job = try await scene.absentCall()
      try await scene.ledger.pass(.seconds(60))
      let again = try await scene.claim()
      let watch = try await scene.watch()
      let codes = scene.mint.make(10, of: Scene.reward)
      #expect(try await scene.conclude(watch, finding: codes) == .wait)
      #expect(try await scene.ledger.facts().codes.isEmpty)
      try await scene.settle(again, .issued(Answer(codes: codes, nulls: 0, body: [])))
      #expect(try await scene.conclude(watch, finding: codes) == .done(issued: 0, surplus: 0))
      #expect(try await scene.job(job).state == .completed)
    }
  }

  @Test(
    "rule 14: a doubt that comes meanwhile makes the round void and is decided first",
    arguments: LedgerKind.allCases
  )
  func doubtFirst(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      try await scene.absentCall()
      try await scene.ledger.pass(.seconds(60))
      let watch = try await scene.watch()
      _ = try await scene.doubtfulCall()
      let codes = scene.mint.make(10, of: Scene.reward)
      #expect(try await scene.conclude(watch, finding: codes) == .lost)
      #expect(try await scene.ledger.facts().codes.isEmpty)
      #expect(try await scene.takeDoubt(worker: Scene.otherWorker) != nil)
    }
  }

  @Test(
    "rule 7: after a short answer nothing is asked again before the reward has been listed",
    arguments: LedgerKind.allCases
  )
  func listedFirst(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let claimed = try await scene.claim()
      let made = scene.mint.make(10, of: Scene.reward)
      try await scene.settle(claimed, scene.short(claimed, of: made, shown: 6))
      guard case .nothing = try await scene.ask() else {
        Issue.record("asked again before the listing")
        return
      }
      #expect(
        try await scene.listWatched(finding: Array(made.suffix(4)))
          == .done(issued: 4, surplus: 0, ended: [EndedJob(job: id, state: .completed)])
      )
      #expect(try await scene.job(id).state == .completed)
    }
  }

  @Test(
    "rule 7: codes that a short answer kept back are only given to a job with their prefix",
    arguments: LedgerKind.allCases
  )
  func prefixes(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10, prefix: "OWN")
      let claimed = try await scene.claim()
      let made = scene.mint.make(10, of: Scene.reward, prefix: "OWN")
      try await scene.settle(claimed, scene.short(claimed, of: made, shown: 7))
      let others = scene.mint.make(2, of: Scene.reward, prefix: "OTHER")
      let found = others + made.suffix(1)
      #expect(try await scene.listWatched(finding: found) == .done(issued: 1, surplus: 2))
      #expect(try await scene.job(id).issued == 8)
      let surplus = try await scene.ledger.facts().codes.filter(\.value.isSurplus)
      #expect(Set(surplus.keys) == Set(others.map(\.id)))
      #expect(try await scene.claim().call.size == 2)
    }
  }

  @Test(
    "rule 7: two short answers each get back what they kept back, and no more",
    arguments: LedgerKind.allCases
  )
  func twoShort(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let plain = try await scene.insert(10)
      let own = try await scene.insert(10, prefix: "OWN")
      let calls = [try await scene.claim(), try await scene.claim()]
      let plainMade = scene.mint.make(11, of: Scene.reward)
      let ownMade = scene.mint.make(10, of: Scene.reward, prefix: "OWN")
      try await scene.settle(calls[1], scene.short(calls[1], of: ownMade, shown: 7))
      try await scene.settle(calls[0], scene.short(calls[0], of: plainMade, shown: 8))
      let found = Array(ownMade.suffix(3) + plainMade.suffix(3))
      let ended = [plain, own].map { EndedJob(job: $0, state: .completed) }
      let answer = try await scene.listWatched(finding: found)
      #expect(answer == .done(issued: 5, surplus: 1, ended: ended))
      #expect(try await scene.job(plain).state == .completed)
      #expect(try await scene.job(own).state == .completed)
      let facts = try await scene.ledger.facts()
      for code in ownMade { #expect(facts.codes[code.id]?.job == own) }
    }
  }

  @Test(
    "rule 7: an answer that is short while the listing runs is listed anew",
    arguments: LedgerKind.allCases
  )
  func voidRound(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      _ = try await scene.insert(10)
      let calls = [try await scene.claim(), try await scene.claim()]
      try await scene.settle(calls[0], scene.answer(calls[0], codes: 9))
      let watch = try await scene.watch()
      try await scene.settle(calls[1], scene.answer(calls[1], codes: 9))
      #expect(try await scene.conclude(watch) == .lost)
      #expect(try await scene.listWatched() == .done(issued: 0, surplus: 0))
    }
  }

  @Test(
    "rule 7: a listing that is to come first still does when a call is judged absent",
    arguments: LedgerKind.allCases
  )
  func keptFirst(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      _ = try await scene.insert(10)
      let short = try await scene.claim()
      let doubtful = try await scene.claim()
      try await scene.settle(short, scene.answer(short, codes: 9))
      try await scene.doubt(doubtful)
      let doubt = try await scene.doubt()
      try await scene.decide(doubt) { $0.absent = [doubtful.call.id] }
      #expect(try await scene.reward().awaitsListing)
      #expect(try await scene.watchRow().nextListingAt == startOfTime)
      guard case .nothing = try await scene.ask() else {
        Issue.record("asked before the listing")
        return
      }
      _ = try await scene.listWatched()
      #expect(try await !scene.reward().awaitsListing)
      #expect(try await scene.watchRow().listingsLeft == 4)
      _ = try await scene.claim()
    }
  }

  @Test(
    "rule 7: calls wait for the listing that is to come first, however long a doubt takes before",
    arguments: LedgerKind.allCases
  )
  func listingAfterDoubt(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      _ = try await scene.insert(10)
      let short = try await scene.claim()
      let doubtful = try await scene.claim()
      try await scene.settle(short, scene.answer(short, codes: 9))
      try await scene.doubt(doubtful)
      try await scene.ledger.pass(.seconds(120))
      let doubt = try await scene.doubt()
      try await scene.decide(doubt) { $0.absent = [doubtful.call.id] }
      #expect(try await scene.reward().closedAt == nil)
      try await scene.ledger.pass(.seconds(3600))
      try await scene.heartbeat()
      guard case .nothing = try await scene.ask() else {
        Issue.record("asked before the listing")
        return
      }
      _ = try await scene.listWatched()
      _ = try await scene.claim()
    }
  }

  @Test(
    "rule 7: where the list that is to come first cannot be had, the jobs are a person's",
    arguments: LedgerKind.allCases
  )
  func cannotBeListed(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let claimed = try await scene.claim()
      let made = scene.mint.make(10, of: Scene.reward)
      try await scene.settle(claimed, scene.short(claimed, of: made, shown: 6))
      let watch = try await scene.watch()
      #expect(watch.isAwaited && watch.pause(after: .refused(code: "gone", message: "")) == nil)
      try await scene.putOff(watch, for: nil)
      let job = try await scene.job(id)
      #expect(job.held && job.errorCode == "listing_failed" && job.isQueued == false)
      // The watch continues, and what it finds is still the call's.
      #expect(try await scene.watchRow().ended == nil)
      try await scene.ledger.pass(.seconds(60))
      try await scene.heartbeat()
      #expect(
        try await scene.listWatched(finding: Array(made.suffix(4)))
          == .done(issued: 4, surplus: 0, ended: [EndedJob(job: id, state: .completed)])
      )
      #expect(try await scene.job(id).state == .completed)
    }
  }

  @Test(
    "rule 8: a code that cannot be stored never blocks what a watch finds beside it",
    arguments: LedgerKind.allCases
  )
  func unstorable(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      try await scene.absentCall()
      let call = try #require(try await scene.watchRow().call)
      try await scene.ledger.pass(.seconds(60))
      let bad = scene.badCode()
      let found = scene.mint.make(3, of: Scene.reward) + [bad]
      #expect(try await scene.listWatched(finding: found) == .done(issued: 0, surplus: 3))
      #expect(try await scene.ledger.facts().rawCodes == [bad.id: call])
      #expect(try await scene.watchRow().listingsLeft == 3)
    }
  }

  @Test(
    "rule 14: a watch whose list cannot be had is put off visibly, and in the end given up",
    arguments: LedgerKind.allCases
  )
  func givenUp(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.absentCall()
      try await scene.ledger.pass(.seconds(60))
      let failure = ListingFailure.refused(code: "gone", message: "no such reward")
      var rounds = 0
      while true {
        let watch = try await scene.watch()
        #expect(watch.failures == rounds)
        let pause = watch.pause(after: failure)
        try await scene.putOff(watch, for: pause, error: failure.message)
        rounds += 1
        guard let pause else { break }
        let watched = try await scene.watchRow()
        #expect(watched.failures == rounds && watched.errorMessage == failure.message)
        try await scene.ledger.pass(pause - .milliseconds(1))
        #expect(try await scene.listWatched() == nil)
        try await scene.ledger.pass(.milliseconds(1))
      }
      // Seven that double, then one an hour until a day is over.
      #expect(rounds == 31)
      let watch = try await scene.watchRow()
      #expect(watch.nextListingAt == nil && watch.ended == "unlistable")
      #expect(try await !scene.job(id).held)
      // A new reason to watch begins anew.
      try await scene.heartbeat()
      let again = try await scene.doubtfulCall()
      let doubt = try await scene.doubt()
      try await scene.decide(doubt) { $0.absent = [again.call.id] }
      let anew = try await scene.watchRow()
      #expect(anew.ended == nil && anew.failures == 0 && anew.nextListingAt != nil)
    }
  }
}

extension Scene {
  /// A call that was judged absent now; its job is as new.
  @discardableResult
  fileprivate func absentCall() async throws -> JobID {
    let id = try await insert(10)
    let call = try await doubtfulCall().call
    let doubt = try await doubt()
    try await decide(doubt) { $0.absent = [call.id] }
    return id
  }
}
