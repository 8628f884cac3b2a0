import MemoryStore
import Provisioning
import Testing

@Suite("watching a reward")
struct WatchTests {
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
    "rule 14: codes that an absent call lacks count for it, whatever was thought of it",
    arguments: LedgerKind.allCases
  )
  func ownWindow(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let job = try await scene.absentCall()
      try await scene.ledger.pass(.seconds(60))
      let watch = try await scene.watch()
      let lacking = try #require(watch.lacking.first)
      #expect(watch.lacking.count == 1 && lacking.lacks == 10 && lacking.isAnswered)
      #expect(lacking.effectiveUntil.microseconds == startOfTime + 80_000_000)
      let codes = scene.mint.make(12, of: Scene.reward)
      let own = Adoption(call: lacking.call, codes: codes.prefix(10).map(\.id))
      let ended = [EndedJob(job: job, state: .completed)]
      let answer = try await scene.conclude(watch, finding: codes, adopted: [own])
      #expect(answer == .done(issued: 10, surplus: 2, ended: ended))
      let facts = try await scene.ledger.facts()
      #expect(try facts.call(lacking.call.id).state == .adopted)
      #expect(try facts.job(job).surplus == 2)
      for code in codes.suffix(2) {
        #expect(facts.codes[code.id]?.call == nil && facts.codes[code.id]?.job == job)
      }
    }
  }

  @Test(
    "rule 14: an absent call's own codes for which its job has no room are surplus of that call",
    arguments: LedgerKind.allCases
  )
  func ownWithoutRoom(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let job = try await scene.absentCall()
      let again = try await scene.claim()
      try await scene.settle(again, scene.answer(again))
      try await scene.ledger.pass(.seconds(60))
      let watch = try await scene.watch()
      let codes = scene.mint.make(10, of: Scene.reward)
      let own = Adoption(call: watch.lacking[0].call, codes: codes.ids)
      let answer = try await scene.conclude(watch, finding: codes, adopted: [own])
      #expect(answer == .done(issued: 0, surplus: 10))
      let facts = try await scene.ledger.facts()
      #expect(try facts.job(job).issued == 10 && facts.job(job).surplus == 10)
      for code in codes { #expect(facts.codes[code.id]?.call == own.call.id) }
    }
  }

  @Test(
    "rule 14: later codes are surplus that no job and no retry takes",
    arguments: LedgerKind.allCases
  )
  func late(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let job = try await scene.absentCall()
      try await scene.ledger.pass(.seconds(60))
      let late = scene.mint.make(10, of: Scene.reward)
      #expect(try await scene.listWatched(finding: late) == .done(issued: 0, surplus: 10))
      let facts = try await scene.ledger.facts()
      #expect(try facts.job(job).surplus == 10 && facts.job(job).issued == 0)
      #expect(facts.codes.values.allSatisfy { $0.isSurplus && $0.call == nil })
      #expect(try await scene.claim().call.size == 10)
      try await scene.ledger.edit(.cancel(job))
      try await scene.ledger.edit(.retry(job))
      #expect(try await scene.job(job).issued == 0)
    }
  }

  @Test(
    "rule 14: codes that are older than the watch are left alone, and its window has no end",
    arguments: LedgerKind.allCases
  )
  func older(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      try await scene.absentCall()
      try await scene.ledger.pass(.seconds(60))
      let watch = try await scene.watch()
      #expect(watch.since?.microseconds == startOfTime)
      let old = scene.mint.make(3, of: Scene.reward).map { $0.made(at: startOfTime - 1) }
      let new = [0, 23 * 3600].flatMap { (seconds: Int64) in
        scene.mint.make(1, of: Scene.reward).map { $0.made(at: startOfTime + seconds * 1_000_000) }
      }
      let finding = try await scene.finding(watch, old + new, since: watch.since)
      #expect(try await scene.conclude(finding) == .done(issued: 0, surplus: 2))
      #expect(try await Set(scene.ledger.facts().codes.keys) == Set(new.ids))
    }
  }

  @Test(
    "rules 7 and 14: what a short answer lacked counts for its call while the reward is watched",
    arguments: LedgerKind.allCases
  )
  func short(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let job = try await scene.insert(10)
      let claimed = try await scene.claim()
      try await scene.settle(claimed, scene.answer(claimed, codes: 6))
      guard case .nothing = try await scene.ask() else {
        Issue.record("asked again before what the answer lacks was decided")
        return
      }
      try await scene.decide(scene.doubt()) { $0.absent = [claimed.call.id] }
      #expect(try await scene.watchRow().reason == .partialCall)
      try await scene.ledger.pass(.seconds(60))
      let watch = try await scene.watch()
      #expect(watch.lacking.map(\.call) == [claimed.call] && watch.lacking[0].lacks == 4)
      let found = scene.mint.make(4, of: Scene.reward)
      let own = Adoption(call: claimed.call, codes: found.ids)
      #expect(
        try await scene.conclude(watch, finding: found, adopted: [own])
          == .done(issued: 4, surplus: 0, ended: [EndedJob(job: job, state: .completed)])
      )
      #expect(try await !scene.call(claimed).isShort)
    }
  }

  @Test(
    "rule 14: an answer that came meanwhile leaves a call less to lack, and the rest is late",
    arguments: LedgerKind.allCases
  )
  func shownMeanwhile(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let job = try await scene.insert(10)
      let claimed = try await scene.doubtfulCall()
      try await scene.decide(scene.doubt()) { $0.absent = [claimed.call.id] }
      try await scene.ledger.pass(.seconds(60))
      let watch = try await scene.watch()
      try await scene.settle(claimed, scene.answer(claimed, codes: 9))
      let anew = try await scene.ledger.store.takeWatch(Scene.worker, lease: .seconds(30)) ?? watch
      let found = scene.mint.make(3, of: Scene.reward)
      let own = Adoption(call: claimed.call, codes: found.ids)
      let ended = [EndedJob(job: job, state: .completed)]
      let answer = try await scene.conclude(anew, finding: found, adopted: [own])
      #expect(answer == .lost || answer == .done(issued: 1, surplus: 2, ended: ended))
    }
  }

  @Test(
    "rule 14: the search for what calls lack ends with the watch",
    arguments: LedgerKind.allCases
  )
  func searchEnds(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      let claimed = try await scene.claim()
      try await scene.settle(claimed, scene.answer(claimed, codes: 6))
      try await scene.decide(scene.doubt()) { $0.absent = [claimed.call.id] }
      for pause in [60, 9 * 60, 50 * 60, 23 * 3600] {
        try await scene.ledger.pass(.seconds(pause))
        let watch = try await scene.watch()
        #expect(watch.lacking.count == 1)
        #expect(try await scene.conclude(watch) == .done(issued: 0, surplus: 0))
      }
      #expect(try await !scene.call(claimed).isShort)
      #expect(try await scene.watchRow().ended == "listed")
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
      let finding = try await scene.finding(watch, codes)
      #expect(try await scene.conclude(finding) == .wait)
      #expect(try await scene.ledger.facts().codes.isEmpty)
      try await scene.settle(again, .issued(Answer(codes: codes, nulls: 0, body: [])))
      #expect(try await scene.conclude(finding) == .done(issued: 0, surplus: 0))
      #expect(try await scene.job(job).state == .completed)
    }
  }

  @Test(
    "rule 14: a call that was made after a listing keeps nothing waiting that the listing found",
    arguments: LedgerKind.allCases
  )
  func madeAfterwards(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      try await scene.absentCall()
      try await scene.ledger.pass(.seconds(60))
      let watch = try await scene.watch()
      let finding = try await scene.finding(watch, scene.mint.make(3, of: Scene.reward))
      try await scene.ledger.pass(.seconds(1))
      _ = try await scene.claim()
      #expect(try await scene.conclude(finding) == .done(issued: 0, surplus: 3))
    }
  }

  @Test(
    "rule 14: an absent call's own codes are surplus if its job was cancelled meanwhile",
    arguments: LedgerKind.allCases
  )
  func ownOfCancelled(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let job = try await scene.absentCall()
      try await scene.ledger.edit(.cancel(job))
      try await scene.ledger.pass(.seconds(60))
      let watch = try await scene.watch()
      let codes = scene.mint.make(10, of: Scene.reward)
      let own = Adoption(call: watch.lacking[0].call, codes: codes.ids)
      let answer = try await scene.conclude(watch, finding: codes, adopted: [own])
      #expect(answer == .done(issued: 0, surplus: 10))
      #expect(try await scene.job(job).issued == 0)
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
      let again = try await scene.ledger.store.takeWatch(Scene.worker, lease: .seconds(30))
      #expect(again == nil)
      #expect(try await scene.takeDoubt(worker: Scene.otherWorker) != nil)
    }
  }

  @Test(
    "rule 14: a listing that has found nothing counts, though a call fell in doubt meanwhile",
    arguments: LedgerKind.allCases
  )
  func nothingBesideDoubt(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      try await scene.absentCall()
      try await scene.ledger.pass(.seconds(60))
      let call = try await scene.claim()
      let watch = try await scene.watch()
      try await scene.ledger.pass(.seconds(11))
      #expect(try await scene.heartbeat().expired.map(\.call) == [call.call.id])
      #expect(try await scene.conclude(watch) == .done(issued: 0, surplus: 0))
      #expect(try await scene.watchRow().listingsLeft == 3)
    }
  }

  @Test(
    "rule 14: who has lost a watched reward to another worker puts nothing off",
    arguments: LedgerKind.allCases
  )
  func putOffTooLate(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      try await scene.absentCall()
      try await scene.ledger.pass(.seconds(60))
      let watch = try await scene.watch()
      try await scene.ledger.pass(.seconds(31))
      _ = try await scene.watch(worker: Scene.otherWorker)
      let before = try await scene.ledger.facts()
      try await scene.putOff(watch, for: nil)
      #expect(try await scene.ledger.facts().differences(from: before) == [])
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
