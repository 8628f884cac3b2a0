import MemoryStore
import Provisioning
import Testing

@Suite("Answers")
struct AnswerTests {
  @Test("codes of the reward and of others are told apart, each once, in the order of the answer")
  func sorted() {
    let mine = (0..<4).map { Samples.code($0) }
    let other = Samples.code(9, reward: Samples.otherReward)
    let answer = Samples.answer([mine[2], other, mine[0], mine[2], other, mine[1]], nulls: 3)
    let (own, foreign) = answer.sorted(for: Samples.reward)
    #expect(own == [mine[2], mine[0], mine[1]])
    #expect(foreign == [other])
  }

  @Test("of two codes with one id the first counts")
  func doubledID() {
    let first = Samples.code(1, value: "A")
    let second = Samples.code(1, value: "B")
    #expect(Samples.answer([first, second]).sorted(for: Samples.reward).own == [first])
  }

  @Test("an empty answer sorts to nothing")
  func empty() {
    let (own, foreign) = Samples.answer([]).sorted(for: Samples.reward)
    #expect(own.isEmpty && foreign.isEmpty)
  }

  @Test("only exactly the codes asked for, each once and of this reward, is exact")
  func exact() {
    let codes = (0..<3).map { Samples.code($0) }
    let foreign = Samples.code(3, reward: Samples.otherReward)
    func isExact(_ codes: [IssuedCode], nulls: Int = 0) -> Bool {
      let answer = Samples.answer(codes, nulls: nulls)
      return answer.isExact(size: 3, own: answer.sorted(for: Samples.reward).own)
    }
    #expect(isExact(codes))
    #expect(isExact(codes.reversed()))
    #expect(!isExact([]), "empty")
    #expect(!isExact(Array(codes.dropLast())), "too few")
    #expect(!isExact(codes + [Samples.code(4)]), "too many")
    #expect(!isExact(codes, nulls: 1), "a null")
    #expect(!isExact(Array(codes.dropLast()), nulls: 1), "a null instead of a code")
    #expect(!isExact([codes[0], codes[1], codes[1]]), "one doubled instead of another")
    #expect(!isExact(codes + [codes[0]]), "one doubled besides")
    #expect(!isExact([codes[0], codes[1], foreign]), "one of another reward instead")
    #expect(!isExact(codes + [foreign]), "one of another reward besides")
  }

  @Test(
    "any mix of codes is sorted without loss and without doubles",
    arguments: 0..<50 as Range<UInt64>
  )
  func anyMix(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let codes = (0..<Int.random(in: 0...80, using: &random)).map { _ in
      let number = Int.random(in: 0..<60, using: &random)
      // The reward follows from the number, so that one id is never of two rewards.
      return Samples.code(
        number,
        reward: number.isMultiple(of: 5) ? Samples.otherReward : Samples.reward
      )
    }
    let (own, foreign) = Samples.answer(codes).sorted(for: Samples.reward)
    #expect(own.allSatisfy { $0.reward == Samples.reward })
    #expect(foreign.allSatisfy { $0.reward == Samples.otherReward })
    #expect(Set(own + foreign) == Set(codes))
    #expect(own.count + foreign.count == Set(codes).count)
  }
}
