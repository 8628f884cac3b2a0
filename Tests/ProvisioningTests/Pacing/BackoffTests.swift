import MemoryStore
import Provisioning
import Testing

@Suite("Backoff")
struct BackoffTests {
  static let all: [Backoff] = [.api, .reward, .job, .database]

  @Test(
    "the ceiling doubles from the base until it reaches the cap, and stays there",
    arguments: all
  )
  func ceilings(_ backoff: Backoff) {
    #expect(backoff.ceiling(failures: 1) == backoff.base)
    var expected = backoff.base
    for failures in 1...100 {
      #expect(backoff.ceiling(failures: failures) == expected)
      expected = min(expected * 2, backoff.cap)
    }
  }

  @Test("any number of failures gives the cap", arguments: all)
  func hugeCounts(_ backoff: Backoff) {
    for failures in [64, 65, 1000, Int(Int32.max), Int.max - 1, Int.max] {
      #expect(backoff.ceiling(failures: failures) == backoff.cap)
    }
  }

  @Test("a base that is the cap never grows")
  func flat() {
    let backoff = Backoff(base: .seconds(3), cap: .seconds(3))
    #expect((1...50).allSatisfy { backoff.ceiling(failures: $0) == .seconds(3) })
  }

  @Test("a cap that no doubling meets exactly is not passed")
  func unevenCap() {
    let backoff = Backoff(base: .seconds(1), cap: .seconds(5))
    #expect((1...5).map { backoff.ceiling(failures: $0).seconds } == [1, 2, 4, 5, 5])
  }

  @Test("a wait lies between nothing and the ceiling", arguments: all, [1, 2, 3, 7, Int.max])
  func waits(_ backoff: Backoff, failures: Int) {
    var random = SeededRandom(seed: UInt64(failures))
    let ceiling = backoff.ceiling(failures: failures)
    for _ in 0..<500 {
      let wait = backoff.wait(failures: failures, random: &random)
      #expect(wait >= .zero && wait <= ceiling)
    }
  }

  @Test("waits spread evenly over the whole range", arguments: all, [1, 4, 50])
  func spread(_ backoff: Backoff, failures: Int) {
    var random = SeededRandom(seed: 77)
    let ceiling = backoff.ceiling(failures: failures).seconds
    var tenths = [Int](repeating: 0, count: 10)
    for _ in 0..<10_000 {
      let part = backoff.wait(failures: failures, random: &random).seconds / ceiling
      tenths[min(9, Int(part * 10))] += 1
    }
    #expect(tenths.allSatisfy { (800...1200).contains($0) }, "1000 are expected in each tenth")
  }

  @Test("the same seed gives the same waits")
  func replay() {
    var (left, right) = (SeededRandom(seed: 3), SeededRandom(seed: 3))
    for failures in 1...20 {
      let wait = Backoff.api.wait(failures: failures, random: &left)
      #expect(wait == Backoff.api.wait(failures: failures, random: &right))
    }
  }
}
