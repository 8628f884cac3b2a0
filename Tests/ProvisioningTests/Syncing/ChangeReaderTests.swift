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
    var following = Following()
    following.mark = Timestamp(microseconds: 0)
    var (least, looked) = (0, Int64(-1))
    for look in [90, 120, 180, 300, 540] as [Int64] {
      while let (time, place) = changes.first, time <= look * Self.second {
        list.change(place, at: time)
        changes.removeFirst()
      }
      least += max(1, (list.changed(after: looked).count + 999) / 1000)
      looked = look * Self.second
      _ = following.look(at: &list)
      #expect(following.missed(of: list) == 0)
    }
    #expect(changes.isEmpty && following.order == .honoured)
    #expect(following.pages <= 2 * least, "\(following.pages) pages, \(least) would do")
  }

  @Test(
    "whatever the API makes of the order, a look finds every change",
    arguments: ChangingList.Manner.allCases,
    [false, true]
  )
  func manners(manner: ChangingList.Manner, leavesUnchangedOut: Bool) {
    var random = SeededRandom(seed: 8)
    var list = ChangingList(seed: 9)
    list.manner = manner
    list.leavesUnchangedOut = leavesUnchangedOut
    var following = Following()
    following.mark = Timestamp(microseconds: 0)
    var time: Int64 = 0
    for _ in 0..<30 {
      time += 60 * Self.second
      if Bool.random(using: &random) { list.make(40, at: time) }
      for _ in 0..<Int.random(in: 0...20, using: &random) where !list.codes.isEmpty {
        let place = Int.random(in: list.codes.indices, using: &random)
        list.change(place, at: time + Int64.random(in: 1000...Self.second, using: &random))
      }
      _ = following.look(at: &list, pageSize: 25)
      #expect(following.missed(of: list) == 0)
    }
    #expect(following.order == (manner == .honours ? .honoured : .ignored))
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
    var following = Following()
    following.mark = Timestamp(microseconds: 0)
    var time: Int64 = 10 * Self.second
    for _ in 0..<8 {
      time += 10 * Self.second
      _ = following.look(at: &list, pageSize: 20) { list in
        for _ in 0..<Int.random(in: 0...15, using: &random) {
          time += 1000
          list.change(Int.random(in: 0..<200, using: &random), at: time)
        }
      }
    }
    // Everything has come to rest: one more look, and one that reads everything should it be due.
    _ = following.look(at: &list, pageSize: 20)
    #expect(following.missed(of: list) == 0)
  }

  @Test("a reading that its budget cuts off goes on where it stopped")
  func budget() {
    var list = ChangingList(seed: 2)
    list.manner = .listsByID
    list.make(500, at: 0)
    var following = Following()
    var parts = 0
    repeat {
      _ = following.look(at: &list, budget: 4, pageSize: 50)
      parts += 1
    } while following.position != nil && parts < 10
    #expect(parts == 3 && following.look == 1)
    #expect(following.missed(of: list) == 0)
  }

  @Test("a belief that has become wrong is found out at the eighth look")
  func lostOrder() {
    var list = ChangingList(seed: 2)
    list.make(300, at: 0)
    for place in 0..<20 { list.change(place * 9, at: 10 * Self.second + Int64(place)) }
    var following = Following()
    following.mark = Timestamp(microseconds: 0)
    _ = following.look(at: &list, pageSize: 50)
    #expect(following.order == .honoured && following.missed(of: list) == 0)
    list.manner = .listsByMaking
    // A new code hides that what was newest before is not where it should be.
    list.make(1, at: 50 * Self.second)
    list.change(3, at: 60 * Self.second)
    while following.look < 7 { _ = following.look(at: &list, pageSize: 50) }
    #expect(following.missed(of: list) == 1 && following.order == .honoured)
    _ = following.look(at: &list, pageSize: 50)
    #expect(following.missed(of: list) == 0 && following.order == .ignored)
  }

  @Test("a list that does not begin with what was newest before is read whole")
  func lostNewest() {
    var list = ChangingList(seed: 2)
    list.make(300, at: 0)
    for place in 0..<20 { list.change(place * 9, at: 10 * Self.second + Int64(place)) }
    var following = Following()
    following.mark = Timestamp(microseconds: 0)
    _ = following.look(at: &list, pageSize: 50)
    list.manner = .listsByMaking
    list.change(3, at: 60 * Self.second)
    _ = following.look(at: &list, pageSize: 50)
    #expect(following.missed(of: list) == 0 && following.order == .ignored)
  }

  @Test("the mark stays while a null may hide a change")
  func nulls() {
    var list = ChangingList(seed: 2)
    list.make(10, at: 0)
    list.change(2, at: 50 * Self.second)
    let shown = list.listed()
    let follow = FollowCase(
      reward: ChangingList.reward,
      look: 1,
      failures: 0,
      mark: Timestamp(microseconds: 0),
      order: .honoured,
      position: nil
    )
    for nulls in [0, 1] {
      var reader = ChangeReader(follow, budget: 5, pageSize: 100)
      _ = reader.received(
        ListedPage(codes: shown, nulls: nulls, trailingNulls: 0, isCached: false)
      )
      let end = reader.received(
        ListedPage(codes: [], nulls: 0, trailingNulls: 0, isCached: false)
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
    let follow = FollowCase(
      reward: ChangingList.reward,
      look: 1,
      failures: 0,
      mark: nil,
      order: .unknown,
      position: nil
    )
    var cached = ChangeReader(follow, budget: 100)
    #expect(
      cached.received(ListedPage(codes: [], nulls: 0, trailingNulls: 0, isCached: true))
        == .failed(.stale)
    )
    var list = ChangingList(seed: 1)
    list.make(3, at: 0)
    for codes in [[], list.listed()] {
      var reader = ChangeReader(follow, budget: 100)
      let page = ListedPage(
        codes: codes,
        nulls: codes.isEmpty ? 2 : 0,
        trailingNulls: codes.isEmpty ? 2 : 0,
        isCached: false
      )
      var step = reader.first
      for _ in 0..<20 where step != .failed(.unstable) { step = reader.received(page) }
      #expect(step == .failed(.unstable))
    }
  }
}
