/// Numbers become texts of the configured shape: the number is shuffled by the seed and written in the
/// alphabet's base, so texts are unique as long as numbers are. Where the shape holds more than 2^62
/// texts, the number fills the first characters and noise the rest.
struct CodeText: Sendable {
  let length: Int
  private let alphabet: [UInt8]
  private let numbered: Int
  private let permutation: Permutation
  private let noise: UInt64

  init(_ shape: CodeShape, seed: UInt64) {
    let alphabet = Array(shape.alphabet.utf8)
    let (numbered, capacity) = Self.numbered(length: shape.length, alphabet: alphabet.count)
    self.length = shape.length
    self.alphabet = alphabet
    self.numbered = numbered
    self.permutation = Permutation(size: capacity, key: mixed(seed ^ 0x7465_7874))
    self.noise = mixed(seed ^ 0x6e6f_6973)
  }

  /// How many characters the number fills, and how many texts those can tell apart.
  static func numbered(length: Int, alphabet: Int) -> (characters: Int, capacity: UInt64) {
    var capacity: UInt64 = 1
    for characters in 0..<length {
      let (next, overflow) = capacity.multipliedReportingOverflow(by: UInt64(alphabet))
      if overflow || next > 1 << 62 { return (characters, capacity) }
      capacity = next
    }
    return (length, capacity)
  }

  /// Writes the text of the code with this number, without its prefix.
  func write(_ number: UInt64, with pen: inout Pen) {
    let base = UInt64(alphabet.count)
    var rest = permutation[number]
    for _ in 0..<numbered {
      let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: base)
      pen.write(byte: alphabet[Int(remainder)])
      rest = quotient
    }
    for position in numbered..<max(numbered, length) {
      let scrambled = mixed(number &+ noise &* UInt64(position))
      pen.write(byte: alphabet[Int(scrambled % base)])
    }
  }
}

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

/// Scrambles 64 bits so that neighbours come out unrelated; one to one, so distinct stays distinct.
/// The constants are the finalizer of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom
/// number generators, 2014).
@inline(__always)
func mixed(_ value: UInt64) -> UInt64 {
  var bits = value &+ 0x9e37_79b9_7f4a_7c15
  bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
  bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
  return bits ^ (bits >> 31)
}
