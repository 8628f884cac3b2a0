import Testing

@testable import Provisioning

@Suite("the codes that a listing has shown")
struct SeenCodesTests {
  @Test("each is new once, whatever pages show it, and in the order of its page")
  func once() {
    var generator = Steps(state: 7)
    var seen = SeenCodes()
    var known: Set<CodeID> = []
    for page in 0..<200 {
      let codes = (0..<(1 + page % 23)).map { _ in Samples.code(Int(generator.next() % 900)) }
      let expected = codes.filter { known.insert($0.id).inserted }
      #expect(seen.insert(codes, id: \.id) == expected)
    }
    #expect(known.count > 500)
    #expect(seen.count == known.count)
  }

  /// Numbers that look random and are the same in every run (Knuth's constants for a linear congruential
  /// generator of 64 bits).
  private struct Steps {
    var state: UInt64

    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 33
    }
  }
}
