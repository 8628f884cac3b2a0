import Testing

@testable import Sandbox

@Suite("what follows from the seed")
struct SeedTests {
  private func codes(seed: UInt64) async throws -> [ShownCode] {
    let clock = ManualTime()
    return try await withSandbox(SandboxConfiguration(seed: seed), time: clock.time) {
      (caller) async throws in
      var codes = try await caller.generate(20, prefix: "A").codes()
      codes += try await caller.generate(5, reward: Caller.otherReward).codes()
      codes += try await caller.generate(1).codes()
      return codes
    }
  }

  @Test("the same seed and the same requests give the same ids, codes and sync outcomes")
  func repeatable() async throws {
    let (one, other) = (try await codes(seed: 7), try await codes(seed: 7))
    #expect(one == other)
  }

  @Test("another seed gives other ids and codes")
  func different() async throws {
    let (one, other) = (try await codes(seed: 7), try await codes(seed: 8))
    #expect(Set(one.map(\.id)).isDisjoint(with: other.map(\.id)))
    #expect(Set(one.map(\.code)).isDisjoint(with: other.map(\.code)))
  }

  @Test("ids and texts of 100,000 codes are all different, and ids are UUIDs of version 4")
  func unique() {
    let derivation = CodeDerivation(SandboxConfiguration(seed: 11))
    let numbers = UInt64(0)..<100_000
    #expect(Set(numbers.map { derivation.id(of: $0) }).count == numbers.count)
    #expect(Set(numbers.map { derivation.text(of: $0) }).count == numbers.count)
    for number in numbers.prefix(1000) {
      let text = Array(derivation.id(of: number).description)
      #expect(text[14] == "4")
      #expect("89ab".contains(text[19]))
    }
  }

  @Test("a permutation hits every number once", arguments: [1, 2, 3, 7, 64, 100, 1000, 4097])
  func permutation(_ size: UInt64) {
    let shuffled = Permutation(size: size, key: 99)
    #expect(Set((0..<size).map { shuffled[$0] }) == Set(0..<size))
  }

  @Test("texts longer than a number can fill are filled with noise and stay different")
  func longTexts() throws {
    let shape = CodeShape(length: 40)
    try shape.validate()
    let text = CodeDerivation(SandboxConfiguration(seed: 2, codes: shape))
    let texts = (UInt64(0)..<1000).map { text.text(of: $0) }
    #expect(Set(texts).count == 1000)
    #expect(texts.allSatisfy { $0.count == 40 })
  }

  @Test("the shape of codes is followed")
  func shape() async throws {
    let configuration = SandboxConfiguration(codes: CodeShape(length: 12, alphabet: "0123456789"))
    try await withSandbox(configuration) { (caller) async throws in
      for code in try await caller.generate(50, prefix: "X-").codes() {
        #expect(code.code.hasPrefix("X-"))
        #expect(code.code.dropFirst(2).count == 12)
        #expect(code.code.dropFirst(2).allSatisfy { $0.isNumber })
      }
    }
  }
}
