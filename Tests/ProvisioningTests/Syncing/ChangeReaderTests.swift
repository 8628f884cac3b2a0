import MemoryStore
import Provisioning
import Testing

@Suite("reading what has changed")
struct ChangeReaderTests {
  private static let second: Int64 = 1_000_000

  /// Twenty thousand codes, made within a minute; a tenth changes in the five minutes after it.
  private static func largeList(_ random: inout SeededRandom) -> (ChangingList, [(Int64, Int)]) {
    var list = ChangingList(seed: 5)
    for call in 0..<40 { list.make(500, at: Int64(call) * 1_500_000) }
    let changes = (0..<2000).map { _ in
      (
        Int64.random(in: 61 * second...360 * second, using: &random),
        Int.random(in: 0..<20_000, using: &random)
      )
    }
    return (list, changes.sorted { $0.0 < $1.0 })
  }

  @Test("where the order is honoured, pages are within twice the least that would do")
  func economy() {
    var random = SeededRandom(seed: 3)
    var (list, changes) = Self.largeList(&random)
    var tracking = Tracking()
    tracking.mark = Timestamp(microseconds: 0)
    var (least, listed) = (0, Int64(-1))
    for pass in [90, 120, 180, 300, 540] as [Int64] {
      while let (time, place) = changes.first, time <= pass * Self.second {
        list.change(place, at: time)
        changes.removeFirst()
      }
      least += max(1, (list.changed(after: listed).count + 999) / 1000)
      listed = pass * Self.second
      _ = tracking.pass(over: &list)
      #expect(tracking.missed(of: list) == 0)
    }
    #expect(changes.isEmpty && tracking.order == .honoured)
    #expect(tracking.pages <= 2 * least, "\(tracking.pages) pages, \(least) would do")
  }

  @Test(
    "whatever the API makes of the order, a pass finds every change",
    arguments: ChangingList.Manner.allCases,
    [false, true]
  )
  func manners(manner: ChangingList.Manner, leavesUnchangedOut: Bool) {
    var random = SeededRandom(seed: 8)
    var list = ChangingList(seed: 9)
    list.manner = manner
    list.leavesUnchangedOut = leavesUnchangedOut
    var tracking = Tracking()
    tracking.mark = Timestamp(microseconds: 0)
    var time: Int64 = 0
    for _ in 0..<30 {
      time += 60 * Self.second
      if Bool.random(using: &random) { list.make(40, at: time) }
      for _ in 0..<Int.random(in: 0...20, using: &random) where !list.codes.isEmpty {
        let place = Int.random(in: list.codes.indices, using: &random)
        list.change(place, at: time + Int64.random(in: 1000...Self.second, using: &random))
      }
      _ = tracking.pass(over: &list, pageSize: 25)
      #expect(tracking.missed(of: list) == 0)
    }
    #expect(tracking.order == (manner == .honours ? .honoured : .ignored))
  }

  @Test(
    "a list that shifts while it is read shows everything in the end",
    arguments: 1...20
  )
  func shifting(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var list = ChangingList(seed: seed)
    list.manner = ChangingList.Manner.allCases.randomElement(using: &random) ?? .honours
    list.make(200, at: 0)
    var tracking = Tracking()
    tracking.mark = Timestamp(microseconds: 0)
    var time: Int64 = 10 * Self.second
    for _ in 0..<8 {
      time += 10 * Self.second
      _ = tracking.pass(over: &list, pageSize: 20) { list in
        for _ in 0..<Int.random(in: 0...15, using: &random) {
          time += 1000
          list.change(Int.random(in: 0..<200, using: &random), at: time)
        }
      }
    }
    // Everything has come to rest: one more pass, and one that reads everything should it be due.
    _ = tracking.pass(over: &list, pageSize: 20)
    #expect(tracking.missed(of: list) == 0)
  }

  @Test("a reading that its budget cuts off continues where it stopped")
  func budget() {
    var list = ChangingList(seed: 2)
    list.manner = .listsByID
    list.make(500, at: 0)
    var tracking = Tracking()
    var parts = 0
    repeat {
      _ = tracking.pass(over: &list, budget: 4, pageSize: 50)
      parts += 1
    } while tracking.position != nil && parts < 10
    #expect(parts == 3 && tracking.passes == 1)
    #expect(tracking.missed(of: list) == 0)
  }

  @Test("a belief that has become wrong is found out at the eighth pass")
  func lostOrder() {
    var list = ChangingList(seed: 2)
    list.make(300, at: 0)
    for place in 0..<20 { list.change(place * 9, at: 10 * Self.second + Int64(place)) }
    var tracking = Tracking()
    tracking.mark = Timestamp(microseconds: 0)
    _ = tracking.pass(over: &list, pageSize: 50)
    #expect(tracking.order == .honoured && tracking.missed(of: list) == 0)
    list.manner = .listsByMaking
    // A new code hides that what was newest before is not where it should be.
    list.make(1, at: 50 * Self.second)
    list.change(3, at: 60 * Self.second)
    while tracking.passes < 7 { _ = tracking.pass(over: &list, pageSize: 50) }
    #expect(tracking.missed(of: list) == 1 && tracking.order == .honoured)
    _ = tracking.pass(over: &list, pageSize: 50)
    #expect(tracking.missed(of: list) == 0 && tracking.order == .ignored)
  }

  @Test("a list that does not begin with what was newest before is read whole")
  func lostNewest() {
    var list = ChangingList(seed: 2)
    list.make(300, at: 0)
    for place in 0..<20 { list.change(place * 9, at: 10 * Self.second + Int64(place)) }
    var tracking = Tracking()
    tracking.mark = Timestamp(microseconds: 0)
    _ = tracking.pass(over: &list, pageSize: 50)
    list.manner = .listsByMaking
    list.change(3, at: 60 * Self.second)
    _ = tracking.pass(over: &list, pageSize: 50)
    #expect(tracking.missed(of: list) == 0 && tracking.order == .ignored)
  }

  @Test("the mark stays while a null may hide a change")
  func nulls() {
    var list = ChangingList(seed: 2)
    list.make(10, at: 0)
    list.change(2, at: 50 * Self.second)
    let shown = list.listed()
    let tracked = TrackedReward(
      reward: ChangingList.reward,
      pass: 1,
      failures: 0,
      mark: Timestamp(microseconds: 0),
      order: .honoured,
      position: nil
    )
    for nulls in [0, 1] {
      var reader = ChangeReader(tracked, budget: 5, pageSize: 100)
      _ = reader.received(
        ListedPage(codes: shown, nulls: nulls)
      )
      let end = reader.received(
        ListedPage(codes: [])
      )
      guard case .finished(let reading) = end else {
        Issue.record("not at its end")
        continue
      }
      #expect(reading.mark?.microseconds == (nulls == 0 ? 50 * Self.second : 0))
    }
  }

  @Test("a cache's page, pages of nulls alone and pages that repeat end the reading")
  func hopeless() {
    let tracked = TrackedReward(
      reward: ChangingList.reward,
      pass: 1,
      failures: 0,
      mark: nil,
      order: .unknown,
      position: nil
    )
    var cached = ChangeReader(tracked, budget: 100)
    #expect(
      cached.received(ListedPage(codes: [], isStale: true))
        == .failed(.stale)
    )
    var list = ChangingList(seed: 1)
    list.make(3, at: 0)
    for codes in [[], list.listed()] {
      var reader = ChangeReader(tracked, budget: 100)
      let page = ListedPage(
        codes: codes,
        nulls: codes.isEmpty ? 2 : 0,
        trailingNulls: codes.isEmpty ? 2 : 0
      )
      var step = reader.first
      for _ in 0..<20 where step != .failed(.unstable) { step = reader.received(page) }
      #expect(step == .failed(.unstable))
    }
  }
}

@Suite("how codes are tracked")
struct SyncRulesTests {
  @Test("pauses grow from the first to the longest")
  func pauses() {
    let rules = SyncRules.standard
    let seconds = (1...9).map { Int(rules.pause(after: $0).seconds) }
    #expect(seconds == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600])
    #expect(rules.pause(after: 0) == .seconds(30))
    #expect(rules.pause(after: .max) == .seconds(3600))
  }

  @Test("each request to copy once more has longer than the one before")
  func resyncs() {
    #expect(SyncRules.standard.resyncPauses == [.seconds(120), .seconds(480), .seconds(1920)])
    var never = SyncRules.standard
    never.retries = 0
    #expect(never.resyncPauses == [])
  }

  @Test("passes that read everything are few")
  func wholes() {
    #expect((1...600).filter(SyncRules.readsWhole) == [8, 64, 512])
  }

  @Test("a first pause above the longest is the longest")
  func shortest() {
    let rules = SyncRules(
      first: .seconds(9),
      longest: .seconds(4),
      patience: .seconds(60),
      retries: 1
    )
    #expect(rules.pause(after: 1) == .seconds(4) && rules.resyncPauses == [.seconds(4)])
  }
}
