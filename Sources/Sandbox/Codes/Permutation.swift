/// A seeded one-to-one shuffle of the numbers below `size`: a Feistel network over the next even number
/// of bits, repeated until the result is small enough (cycle walking, at most four rounds on average).
struct Permutation: Sendable {
  let size: UInt64
  private let halfBits: UInt64
  private let mask: UInt64
  private let key: UInt64

  /// Shuffles the numbers `0..<size`; size is 1 to 2^62.
  init(size: UInt64, key: UInt64) {
    precondition((1...(1 << 62)).contains(size), "a permutation has 1 to 2^62 elements")
    let bits = UInt64(UInt64.bitWidth - (size - 1).leadingZeroBitCount)
    self.size = size
    self.halfBits = max(1, (bits + 1) / 2)
    self.mask = (1 << halfBits) - 1
    self.key = key
  }

  subscript(_ index: UInt64) -> UInt64 {
    precondition(index < size, "index outside the permutation")
    var value = index
    repeat { value = round(value) } while value >= size
    return value
  }

  private func round(_ value: UInt64) -> UInt64 {
    var left = value >> halfBits
    var right = value & mask
    for turn in UInt64(0)..<4 {
      let next = left ^ (mixed(right ^ key &+ turn) & mask)
      left = right
      right = next
    }
    return left << halfBits | right
  }
}
