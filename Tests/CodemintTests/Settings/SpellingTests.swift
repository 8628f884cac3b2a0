import Testing

@testable import codemint

@Suite("Guessing what was meant")
struct SpellingTests {
  @Test(
    "the distance of two texts is the number of changes from one to the other",
    arguments: [
      ("", "", 0), ("a", "", 1), ("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 2),
    ]
  )
  func distance(left: String, right: String, expected: Int) {
    #expect(Spelling.distance(left, right) == expected)
    #expect(Spelling.distance(right, left) == expected)
  }

  @Test("a near name is offered, a far one is not")
  func hint() {
    let known = ["limits.burst", "lease.seconds"]
    #expect(Spelling.hint(for: "limit.burst", among: known) == "; did you mean limits.burst?")
    #expect(Spelling.hint(for: "colour", among: known).isEmpty)
    #expect(Spelling.hint(for: "x", among: []).isEmpty)
  }
}
