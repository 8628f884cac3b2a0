import MemoryStore
import Provisioning
import Testing

@Suite("attribution by prefix")
struct PrefixTests {
  private typealias Scene = DoubtScene

  private func scene(
    _ calls: [(size: Int, prefix: String?)],
    literal: Set<String> = []
  ) -> Scene {
    var scene = Scene(calls.enumerated().map { Scene.call($0, size: $1.size, prefix: $1.prefix) })
    scene.evidence = .literal(literal)
    return scene
  }

  private func codes(_ texts: String...) -> [IssuedCode] {
    texts.enumerated().map { Scene.code($0, $1) }
  }

  @Test("rule 11: a prefix whose punctuation the API drops excludes no code of its call")
  func withoutPunctuation() {
    let found = (0..<500).map { Scene.code($0, "BLACKFRIDAY\($0)") }
    var single = scene([(500, "BLACK-FRIDAY")], literal: ["SUMMER"])
    // Who dropped it, the API or its list, only a witness tells.
    #expect(single.twice(found).holdReason == .unwitnessed)
    single.evidence.alteredPrefixes = ["BLACK-FRIDAY"]
    #expect(single.atOnce(found).given == [0: 500])
  }

  @Test("rule 11: a witness without its prefix takes the word of those that have it")
  func altered() {
    let found = codes("summer1", "summer2")
    var single = scene([(2, "SUMMER")], literal: ["SUMMER"])
    #expect(single.atOnce(found).isEmpty && single.twice(found).absent.count == 1)
    single.evidence.alteredPrefixes = ["SUMMER"]
    #expect(single.atOnce(found).given == [0: 2])
  }

  @Test("rule 11: while no prefix is seen to be literal, no call is given another prefix's codes")
  func mixedSubset() {
    // Either call alone explains the number; only one of them explains the codes.
    let calls: [(Int, String?)] = [(2, "SPRING"), (2, "SUMMER")]
    for literal in [[], ["SUMMER"], ["SPRING", "SUMMER"]] as [Set<String>] {
      let decision = scene(calls, literal: literal).twice(codes("SUMMER1", "SUMMER2"))
      #expect(decision.codes == [1: [0, 1]])
      #expect(decision.absent == [CallID(Samples.id(100))])
    }
    let all = codes("SUMMER1", "SPRING1", "SUMMER2", "SPRING2")
    #expect(scene(calls).atOnce(all).codes == [0: [1, 3], 1: [0, 2]])
  }

  @Test("rules 11 and 15: codes that do not tell calls of different prefixes apart are a person's")
  func indistinct() {
    let calls: [(Int, String?)] = [(2, "SPRING"), (2, "SUMMER")]
    let found = [codes("a1", "a2"), codes("a1", "a2", "a3", "a4"), codes("SPRING1", "SUMMER1")]
    for codes in found {
      #expect(scene(calls).atOnce(codes).isEmpty)
      let decision = scene(calls).twice(codes)
      #expect(decision.held.count == 2 && decision.holdReason == .indistinct)
      #expect(decision.unattributed.count == codes.count)
    }
    #expect(scene(calls).twice(codes("a1")).holdReason == .unexplained)
    #expect(scene(calls).twice([]).absent.count == 2)
    // Calls with one prefix are interchangeable, whatever the API makes of it.
    var alike = scene([(2, "SPRING"), (2, "SPRING")])
    alike.evidence.alteredPrefixes = ["SPRING"]
    #expect(alike.twice(codes("a1", "a2")).adopted.count == 1)
  }

  @Test("rule 11: a prefix that begins another one, or none, takes what the longer one leaves")
  func nested() {
    let calls: [(Int, String?)] = [(1, nil), (2, "AB"), (2, "A")]
    for literal in [[], ["A", "AB"]] as [Set<String>] {
      let all = scene(calls, literal: literal).atOnce(codes("x", "AB1", "AB2", "A1", "AB3"))
      #expect(all.codes[1]?.isSubset(of: [1, 2, 4]) == true)
      #expect(all.codes[2]?.isSubset(of: [1, 2, 3, 4]) == true)
      #expect(all.given == [0: 1, 1: 2, 2: 2])
      #expect(scene(calls, literal: literal).twice(codes("A1", "AC2")).codes == [2: [0, 1]])
    }
  }

  @Test(
    "rule 11: mixed prefixes are explained exactly where brute force explains them",
    arguments: 1...40
  )
  func mixedBruteForce(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let prefixes: [String?] = [nil, "A", "AB", "B"]
    let calls: [(size: Int, prefix: String?)] = (0..<Int.random(in: 2...5, using: &random)).map {
      _ in
      (Int.random(in: 1...3, using: &random), prefixes.randomElement(using: &random) ?? nil)
    }
    let endings = ["A", "AB", "B", "C"]
    let texts = (0..<Int.random(in: 0...8, using: &random)).map {
      (endings.randomElement(using: &random) ?? "") + "-\($0)"
    }
    guard Set(calls.map(\.prefix)).count > 1 else { return }
    let isExplained = (0..<1 << calls.count).contains { chosen in
      let some = calls.indices.filter { chosen >> $0 & 1 == 1 }.map { calls[$0] }
      return canShare(
        texts[...],
        among: some.flatMap { Array(repeating: $0.prefix, count: $0.size) }
      )
    }
    let decision = scene(calls).twice(texts.enumerated().map { Scene.code($0, $1) })
    #expect(decision.held.isEmpty == isExplained)
    for adoption in decision.adopted {
      #expect(adoption.codes.count == adoption.call.size)
      let given = adoption.codes.map { texts[Int($0.id.bits) - 1000] }
      #expect(given.allSatisfy { $0.hasPrefix(adoption.call.prefix ?? "") })
    }
    if isExplained { #expect(decision.given.values.reduce(0, +) == texts.count) }
  }

  @Test("rule 11: many calls of different prefixes are each given codes that begin with their own")
  func manyCalls() {
    let prefixes: [String?] = ["A", "AB", "B", nil]
    let calls = (0..<16).map { (size: 1 + $0 % 3, prefix: prefixes[$0 % 4]) }
    let made = calls.indices.filter { $0 % 3 != 0 }
    let texts = made.flatMap { place in
      (0..<calls[place].size).map { "\(calls[place].prefix ?? "x")-\(place)-\($0)" }
    }
    let decision = scene(calls).twice(texts.enumerated().map { Scene.code($0, $1) })
    #expect(decision.held.isEmpty && decision.given.values.reduce(0, +) == texts.count)
    for adoption in decision.adopted {
      #expect(adoption.codes.count == adoption.call.size)
      let given = adoption.codes.map { texts[Int($0.id.bits) - 1000] }
      #expect(given.allSatisfy { $0.hasPrefix(adoption.call.prefix ?? "") })
    }
    #expect(scene(calls).twice([Scene.code(0, "A-0"), Scene.code(1, "C-0")]).adopted.count == 2)
  }

  /// Whether each code can have a place of its own, tried one by one.
  private func canShare(_ texts: ArraySlice<String>, among places: [String?]) -> Bool {
    guard texts.count == places.count else { return false }
    guard let text = texts.first else { return true }
    return places.indices.contains { place in
      guard text.hasPrefix(places[place] ?? "") else { return false }
      var rest = places
      rest.remove(at: place)
      return canShare(texts.dropFirst(), among: rest)
    }
  }

  @Test("rule 11: pools overlap unless this very list shows each of their prefixes literally")
  func pools() {
    func count(_ prefixes: [String?], literal: Set<String>) -> Int {
      let calls = prefixes.enumerated().map { Scene.call($0, size: 1, prefix: $1) }
      return CallPool.pools(of: calls, .literal(literal)).count
    }
    let all: Set<String> = ["A", "B", "AB", "AC", "D"]
    #expect(count(["A", "B"], literal: all) == 2)
    #expect(count(["A", "B"], literal: ["A"]) == 1)
    #expect(count(["A", "B"], literal: []) == 1)
    #expect(count(["A", nil], literal: all) == 1)
    #expect(count(["AB", "AC", "A"], literal: all) == 1)
    #expect(count(["AB", "AC", "D"], literal: all) == 3)
  }

  @Test("rules 7 and 11: no call is given a code that only another prefix's answer can lack")
  func answeredPrefix() {
    let calls = [
      Scene.call(0, size: 2, prefix: "SUMMER"),
      Scene.call(1, size: 2, prefix: "SPRING", isAnswered: true),
    ]
    let found = codes("SUMMER1", "SPRING1", "SUMMER2", "SPRING2")
    for literal in [[], ["SUMMER", "SPRING"]] as [Set<String>] {
      var both = Scene(calls)
      both.evidence = .literal(literal)
      #expect(both.atOnce(found).codes == [0: [0, 2], 1: [1, 3]])
      let one = both.twice([found[1]])
      #expect(one.codes == [1: [1]] && one.absent == [CallID(Samples.id(100))])
    }
    // What a pool of another literal prefix lacks is no reason to wait.
    var both = Scene(calls)
    #expect(both.atOnce([found[0], found[2]]).isEmpty)
    both.evidence = .literal(["SUMMER", "SPRING"])
    #expect(both.atOnce([found[0], found[2]]).given == [0: 2])
  }

  @Test("rule 7: swapped answers: each code goes to the call whose prefix it has")
  func swapped() {
    var both = Scene(
      Scene.call(0, size: 2, prefix: "SUMMER", isAnswered: true, setAside: [2, 3]),
      Scene.call(1, size: 2, prefix: "WINTER", isAnswered: true, setAside: [0, 1])
    )
    both.evidence = .literal(["SUMMER", "WINTER"])
    let found = codes("SUMMER1", "SUMMER2", "WINTER1", "WINTER2")
    #expect(both.atOnce(found).codes == [0: [0, 1], 1: [2, 3]])
  }

  @Test("rule 7: a call is not absent while nobody adopts the codes that its answer showed")
  func setAside() {
    var single = Scene(
      Scene.call(0, size: 2, prefix: "SUMMER", isAnswered: true, setAside: [2, 3])
    )
    single.evidence = .literal(["SUMMER"])
    let found = [Scene.code(2, "WINTER1"), Scene.code(3, "WINTER2")]
    let decision = single.once(found)
    #expect(decision.holdReason == .indistinct && decision.unattributed.count == 2)
    // Another pool may still adopt them.
    var both = single
    both.calls.append(Scene.call(1, size: 2, prefix: "WINTER"))
    both.evidence = .literal(["SUMMER", "WINTER"])
    #expect(both.once([]).isEmpty)
    let adopted = both.atOnce(found)
    #expect(adopted.codes == [1: [2, 3]] && adopted.held.isEmpty)
  }
}
