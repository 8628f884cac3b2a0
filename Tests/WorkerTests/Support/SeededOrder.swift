import MemoryStore

/// Which of those that can go on goes on.
struct SeededOrder {
  private var random: SeededRandom

  init(seed: UInt64) {
    random = SeededRandom(seed: seed)
  }

  mutating func index(below count: Int) -> Int {
    Int.random(in: 0..<count, using: &random)
  }
}
