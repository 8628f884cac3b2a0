import Ledger
import MemoryStore
import Postgres
import Provisioning
import Testing

@Suite("rule 18: the database's cluster")
struct ClusterTests {
  @Test("in another cluster nothing is claimed until an operator accepts it; who and why are kept")
  func otherCluster() async throws {
    try await play { scene, connection in
      _ = try await scene.insert(600)
      let before = try await scene.claim()
      try await scene.settle(before, scene.answer(before))
      try await connection.script(
        """
        UPDATE codemint.cluster_identity SET system_identifier = system_identifier + 1, timeline = 'FFFFFFFF'
        """
      )
      #expect(try await scene.ask() == .nothing(wait: nil, due: .zero))
      let heartbeat = try await scene.heartbeat()
      #expect(heartbeat.block?.code == "other_cluster")
      #expect(heartbeat.block?.probeNow == false)
      #expect(try await scene.ask() == .nothing(wait: nil, due: nil))

      try await refusesToAccept(" ", connection)
      _ = try await connection.query(
        "SELECT codemint.accept_cluster('restored, the old one is off')"
      )
      let account = try await connection.query("SELECT * FROM codemint.cluster_identity").one()
      #expect(try account.optionalTimestamptz("suspended_at") == nil)
      #expect(try account.text("accepted_note") == "restored, the old one is off")
      #expect(try account.optionalText("accepted_by") != nil)
      #expect(try account.optionalTimestamptz("accepted_at") == startOfTime)
      #expect(try await scene.heartbeat().block == nil)
      // Every reward is listed before anything more is asked of it, from the last sign of life on, which
      // another server's clock told.
      guard case .nothing = try await scene.ask() else {
        Issue.record("asked before the reward was listed")
        return
      }
      let watch = try await scene.watch()
      #expect(watch.isAwaited && watch.since?.microseconds == startOfTime - 120_000_000)
      #expect(try await scene.conclude(watch) == .done(issued: 0, surplus: 0))
      #expect(try await scene.claim().call.size == 100)
    }
  }

  @Test("the clock of another server may be two minutes ahead: earlier times are less certain")
  func otherClock() async throws {
    try await play { scene, connection in
      func answer(_ claimed: ClaimedCall, at time: Int64) async throws {
        let codes = scene.mint.make(claimed.call.size, of: Scene.reward).map { $0.made(at: time) }
        try await scene.settle(claimed, .issued(Answer(codes: codes, nulls: 0, body: [])))
      }
      _ = try await scene.insert(1510)
      try await answer(scene.claim(), at: startOfTime)
      let (doubtful, late) = (try await scene.claim(), try await scene.claim())
      try await scene.doubt(doubtful)
      let before = try await scene.ledger.facts().apiClock
      try await connection.script("UPDATE codemint.cluster_identity SET timeline = 'FFFFFFFF'")
      try await scene.heartbeat()
      let after = try await scene.ledger.facts().apiClock
      #expect(try after.aheadAtLeast == #require(before.aheadAtLeast) - 120_000_000)
      #expect(try after.aheadAtMost == #require(before.aheadAtMost) + 120_000_000)
      // An answer to a call that was claimed by the other clock says nothing of this one.
      try await answer(late, at: startOfTime + 900_000_000)
      #expect(try await scene.ledger.facts().apiClock == after)
      try await scene.ledger.pass(Self.longestEffect)
      try await scene.heartbeat()
      let doubt = try await scene.doubt()
      #expect(doubt.calls.map(\.earliest.microseconds) == [startOfTime - 120_000_000])
      try await scene.decide(doubt) { $0.absent = [doubtful.call.id] }
      #expect(try await scene.conclude(scene.watch()) == .done(issued: 0, surplus: 0))
      try await scene.ledger.pass(.seconds(60))
      try await scene.heartbeat()
      let later = try await scene.doubtfulCall()
      let now = try await scene.now()
      let earliest = try await scene.doubt().calls.map(\.earliest.microseconds)
      #expect(try await scene.call(later).createdAt == now && earliest == [now])
    }
  }

  @Test("calls in doubt are served before open jobs: a finding is void when a call falls in doubt")
  func callsFirst() async throws {
    try await play { scene, connection in
      _ = try await scene.insert(510)
      let sending = try await scene.claim()
      _ = try await connection.query("SELECT codemint.accept_cluster('restored')")
      let watch = try await scene.watch()
      let finding = try await scene.finding(watch, scene.mint.make(10, of: Scene.reward))
      try await scene.ledger.pass(.seconds(11))
      #expect(try await scene.heartbeat().expired.map(\.call) == [sending.call.id])
      #expect(try await scene.conclude(finding) == .lost)
      #expect(try await scene.reward().awaitsListing)
      #expect(try await scene.ledger.facts().codes.isEmpty)
      #expect(try await scene.doubt().calls.map(\.call.id) == [sending.call.id])
    }
  }

  @Test(
    "on another timeline each reward with a call in the last day or a job that is due is listed first"
  )
  func otherTimeline() async throws {
    try await play { scene, connection in
      let stopped = try await scene.insert(510, of: Scene.otherReward)
      let old = try await scene.claim()
      try await scene.settle(old, scene.answer(old))
      try await scene.ledger.edit(.pause(stopped))
      try await scene.ledger.pass(.seconds(25 * 3600))
      try await scene.heartbeat()
      let waiting = try await scene.insert(510, priority: 0)
      let recent = try await scene.claim()
      try await scene.settle(recent, scene.answer(recent))
      try await connection.script("UPDATE codemint.cluster_identity SET timeline = 'FFFFFFFF'")
      #expect(try await scene.ask() == .nothing(wait: nil, due: .zero))
      #expect(try await scene.heartbeat().block == nil)
      // The other reward has no call of the last day, and its job is not due.
      try await scene.ledger.edit(.resume(stopped))
      #expect(try await scene.claim().call.reward == Scene.otherReward)
      guard case .nothing = try await scene.ask() else {
        Issue.record("asked before the reward was listed")
        return
      }
      #expect(try await scene.listWatched() == nil)
      try await scene.ledger.pass(Self.longestEffect)
      try await scene.heartbeat()
      let watch = try await scene.watch()
      #expect(watch.reward == Scene.reward && watch.isAwaited)
      let lost = scene.mint.make(15, of: Scene.reward)
      let ended = [EndedJob(job: waiting, state: .completed)]
      let answer = try await scene.conclude(watch, finding: lost)
      #expect(answer == .done(issued: 10, surplus: 5, ended: ended))
    }
  }

  @Test(
    "on another timeline a ledger without a sign of life for an hour is taken for a restored one"
  )
  func staleTimeline() async throws {
    try await play { scene, connection in
      let id = try await scene.insert(10)
      let claimed = try await scene.claim()
      try await scene.settle(claimed, scene.answer(claimed))
      try await connection.script("UPDATE codemint.cluster_identity SET timeline = 'FFFFFFFF'")
      try await scene.ledger.pass(.seconds(3601))
      let block = try await scene.heartbeat().block
      #expect(block?.code == "other_cluster")
      #expect(block?.message.contains("last sign of life is from") == true)
      // That this worker says that it lives makes it no younger.
      #expect(try await scene.heartbeat().block == block)
      #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
      _ = try await connection.query("SELECT codemint.accept_cluster('restored')")
      #expect(try await scene.heartbeat().block == nil)
      try await scene.ledger.pass(.seconds(1))
      #expect(try await scene.listWatched() == .done(issued: 0, surplus: 0))
      #expect(try await scene.job(id).state == .completed)
    }
  }

  @Test("codes of a claim that a failover lost go to the job that it was for, as an adopted call")
  func lostAnswer() async throws {
    try await play { scene, connection in
      let id = try await scene.insert(10)
      let lost = try await scene.claim()
      try await scene.ledger.edit(.lose(lost.call.id))
      try await connection.script("UPDATE codemint.cluster_identity SET timeline = 'FFFFFFFF'")
      try await scene.heartbeat()
      // The worker that made the claim lives, and its call may be slow.
      #expect(try await scene.listWatched() == nil)
      try await scene.ledger.pass(Self.longestEffect - .milliseconds(1))
      #expect(try await scene.listWatched() == nil)
      try await scene.ledger.pass(.milliseconds(1))
      try await scene.heartbeat()
      let codes = scene.mint.make(10, of: Scene.reward)
      let ended = [EndedJob(job: id, state: .completed)]
      #expect(
        try await scene.listWatched(finding: codes) == .done(issued: 10, surplus: 0, ended: ended)
      )
      let facts = try await scene.ledger.facts()
      let credit = try #require(facts.calls.values.first)
      #expect(facts.calls.count == 1 && credit.state == .adopted && credit.call.size == 10)
      // The answer of the lost call comes after all: its codes are counted once.
      try await scene.settle(lost, .issued(Answer(codes: codes, nulls: 0, body: [])))
      let job = try await scene.job(id)
      #expect(job.issued == 10 && job.surplus == 0)
    }
  }

  @Test("a doubt on a reward that awaits its listing after a failover is not judged earlier either")
  func doubtWaits() async throws {
    try await play { scene, connection in
      _ = try await scene.insert(1000)
      _ = try await scene.doubtfulCall()
      try await connection.script("UPDATE codemint.cluster_identity SET timeline = 'FFFFFFFF'")
      try await scene.heartbeat()
      #expect(try await scene.takeDoubt() == nil)
      try await scene.ledger.pass(Self.longestEffect)
      try await scene.heartbeat()
      #expect(try await scene.doubt().isRestored)
    }
  }

  @Test("rule 18: another reason to watch a reward does not end that calls await its listing")
  func awaitedStays() async throws {
    try await play { scene, connection in
      _ = try await scene.insert(1000)
      _ = try await scene.doubtfulCall()
      try await connection.script("UPDATE codemint.cluster_identity SET timeline = 'FFFFFFFF'")
      try await scene.heartbeat()
      _ = try await connection.query(
        """
        SELECT codemint.watch_reward(c.reward_id, c.id, 'absent_call'),
               codemint.watch_reward(c.reward_id, c.id, 'late_codes')
        FROM codemint.calls c
        """
      )
      let watch = try await scene.watchRow()
      #expect(watch.reason == .failover && watch.listingsLeft == 4)
      #expect(try await scene.reward().awaitsListing)
    }
  }

  @Test("after a restore every known reward is listed in its turn, those that jobs wait for first")
  func everyReward() async throws {
    try await play { scene, connection in
      for number in 1...3 {
        _ = try await scene.insert(number == 3 ? 20 : 10, of: Samples.reward(number))
      }
      for _ in 1...3 {
        let claimed = try await scene.claim()
        try await scene.settle(claimed, scene.answer(claimed, codes: 10))
      }
      try await scene.decide(scene.doubt()) { decision in decision.absent = decision.judged }
      // However long ago it was used.
      try await scene.ledger.pass(.seconds(30 * 3600))
      try await scene.heartbeat()
      _ = try await connection.query("SELECT codemint.accept_cluster('restored')")
      #expect(try await scene.watch().reward == Samples.reward(3))
      #expect(try await scene.listWatched() == nil)
      try await scene.ledger.pass(.seconds(1))
      #expect(try await scene.watch().reward == Samples.reward(1))
      #expect(try await scene.watch().reward == Samples.reward(2))
    }
  }

  @Test(
    "dumped at 3,500 and lost at 7,000: 3,500 are credited and 10,000 made, be a call in flight or not"
  )
  func documentedExample() async throws {
    for isSending in [false, true] {
      try await play { scene, connection in
        let id = try await scene.insert(10_000)
        for _ in 0..<7 {
          let claimed = try await scene.claim()
          try await scene.settle(claimed, scene.answer(claimed))
        }
        let sending = isSending ? try await scene.claim() : nil
        // The original goes on without this copy.
        let lost = scene.mint.make(3500, of: Scene.reward)
        try await scene.ledger.pass(.seconds(100))
        try await connection.script(
          """
          UPDATE codemint.cluster_identity SET table_oid = table_oid::bigint + 1
          """
        )
        #expect(try await scene.heartbeat().block?.code == "other_cluster")
        _ = try await connection.query("SELECT codemint.accept_cluster('restored')")
        try await scene.heartbeat()
        if let sending {
          let doubt = try await scene.doubt()
          #expect(doubt.isRestored && doubt.calls.map(\.call) == [sending.call])
          try await scene.decide(doubt, finding: lost) {
            $0.adopted = [Adoption(call: sending.call, codes: lost.prefix(500).map(\.id))]
          }
        }
        let rest = isSending ? Array(lost.dropFirst(500)) : lost
        #expect(
          try await scene.listWatched(finding: rest) == .done(issued: rest.count, surplus: 0)
        )
        let job = try await scene.job(id)
        #expect(job.issued == 7000 && job.outstanding == 0 && job.surplus == 0)
        var made = 7000
        while try await scene.job(id).state == .running {
          let claimed = try await scene.claim()
          try await scene.settle(claimed, scene.answer(claimed))
          made += claimed.call.size
        }
        #expect(made == 10_000)
      }
    }
  }

  @Test(
    "after a restore codes go to the oldest job with room, and literal prefixes only to their own"
  )
  func credits() async throws {
    try await play { scene, connection in
      _ = try await scene.insert(10, prefix: "ONE-")
      let clean = try await scene.claim()
      let codes = scene.mint.make(10, of: Scene.reward, prefix: "ONE-")
      try await scene.settle(clean, .issued(Answer(codes: codes, nulls: 0, body: [])))
      let first = try await scene.insert(6)
      let literal = try await scene.insert(4, prefix: "ONE-")
      let other = try await scene.insert(8, prefix: "TWO-")
      _ = try await connection.query("SELECT codemint.accept_cluster('restored')")
      let ones = scene.mint.make(5, of: Scene.reward, prefix: "ONE-")
      let plain = scene.mint.make(12, of: Scene.reward)
      let answer = try await scene.listWatched(finding: plain + ones)
      let ended = [first, literal].map { EndedJob(job: $0, state: .completed) }
      #expect(answer == .done(issued: 16, surplus: 1, ended: ended))
      let facts = try await scene.ledger.facts()
      #expect(try facts.job(other).issued == 6)
      for code in plain.prefix(6) { #expect(facts.codes[code.id]?.job == first) }
      for code in ones.prefix(4) { #expect(facts.codes[code.id]?.job == literal) }
      #expect(facts.codes[ones[4].id]?.job == nil && facts.codes[ones[4].id]?.isSurplus == true)
    }
  }

  @Test("after a restore a job whose prefix was also seen altered gets codes that lack it")
  func alteredPrefix() async throws {
    try await play { scene, connection in
      for prefix in ["one-", "ONE-"] {
        _ = try await scene.insert(10, prefix: "ONE-")
        let claimed = try await scene.claim()
        let codes = scene.mint.make(10, of: Scene.reward, prefix: prefix)
        try await scene.settle(claimed, .issued(Answer(codes: codes, nulls: 0, body: [])))
      }
      let id = try await scene.insert(5, prefix: "ONE-")
      _ = try await connection.query("SELECT codemint.accept_cluster('restored')")
      let lost = scene.mint.make(5, of: Scene.reward, prefix: "one-")
      let ended = [EndedJob(job: id, state: .completed)]
      #expect(
        try await scene.listWatched(finding: lost) == .done(issued: 5, surplus: 0, ended: ended)
      )
    }
  }

  @Test("codes whose texts the list may show otherwise are handed to no job after a restore")
  func untrueTexts() async throws {
    try await play { scene, connection in
      let id = try await scene.insert(10)
      _ = try await connection.query("SELECT codemint.accept_cluster('restored')")
      let watch = try await scene.watch()
      let codes = scene.mint.make(10, of: Scene.reward)
      let finding = try await scene.finding(watch, codes, isBelieved: false)
      #expect(try await scene.conclude(finding) == .done(issued: 0, surplus: 10))
      // They may be what the job lacks: it asks for no more until a person lets it.
      let job = try await scene.job(id)
      #expect(job.issued == 0 && job.held && job.errorCode == "codes_unproven")
    }
  }

  @Test("a list that calls wait for and that is refused holds the jobs for a person, with a reason")
  func unlistable() async throws {
    try await play { scene, connection in
      let id = try await scene.insert(510)
      let claimed = try await scene.claim()
      try await scene.settle(claimed, scene.answer(claimed))
      try await connection.script("UPDATE codemint.cluster_identity SET timeline = 'FFFFFFFF'")
      try await scene.heartbeat()
      try await scene.ledger.pass(Self.longestEffect)
      try await scene.heartbeat()
      let watch = try await scene.watch()
      let pause = watch.pause(after: .refused(code: "forbidden", message: "no"))
      #expect(pause == nil)
      try await scene.putOff(watch, for: pause, error: "forbidden")
      let job = try await scene.job(id)
      #expect(job.held && job.errorCode == "listing_failed" && job.isQueued == false)
      let row = try await connection.query("SELECT * FROM codemint.watches").one()
      #expect(try row.text("state") == "failing" && row.text("error") == "forbidden")
      #expect(try await !scene.reward().awaitsListing)
      #expect(try await scene.watchRow().listingsLeft == 4)
    }
  }

  /// The lease of 10 s, the timeout of 60 s and the gap of 10 s that the worker has announced.
  static let longestEffect: Duration = .seconds(80)

  private func play(_ body: (Scene, Connection) async throws -> Void) async throws {
    try await PostgresUnderTest.lend { ledger in
      guard let postgres = ledger as? PostgresUnderTest else { return }
      try await Scene.over(ledger) { try await body($0, postgres.bystander) }
    }
  }

  private func refusesToAccept(_ note: String, _ connection: Connection) async throws {
    do throws(PostgresError) {
      _ = try await connection.query("SELECT codemint.accept_cluster($1)", [.text(note)])
      Issue.record("accepted without a reason")
    } catch {
      #expect(error.sqlState == "22023")
    }
  }
}
