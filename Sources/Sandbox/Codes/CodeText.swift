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
