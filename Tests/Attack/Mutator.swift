/// Changes good inputs until they are bad ones: bytes are flipped, removed and doubled, words that a reader
/// treats specially are put in, two inputs are joined, and pieces are repeated until they are long.
package struct Mutator: RandomNumberGenerator {
  private var state: UInt64

  package init(seed: UInt64) {
    state = seed
  }

  /// SplitMix64.
  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// One input.
  package mutating func mutated(from corpus: [[UInt8]], _ dictionary: [[UInt8]]) -> [UInt8] {
    var bytes = corpus.randomElement(using: &self) ?? []
    for _ in 0..<Int.random(in: 0...6, using: &self) {
      change(&bytes, corpus, dictionary)
    }
    return bytes
  }

  private mutating func change(
    _ bytes: inout [UInt8],
    _ corpus: [[UInt8]],
    _ dictionary: [[UInt8]]
  ) {
    let place = Int.random(in: 0...bytes.count, using: &self)
    let end = min(bytes.count, place + Int.random(in: 0...24, using: &self))
    switch Int.random(in: 0..<10, using: &self) {
    case 0: if place < bytes.count { bytes[place] = UInt8.random(in: 0...255, using: &self) }
    case 1: if place < bytes.count { bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &self) }
    case 2: bytes.insert(UInt8.random(in: 0...255, using: &self), at: place)
    case 3: bytes.removeSubrange(place..<end)
    case 4: bytes.insert(contentsOf: Array(bytes[place..<end]), at: place)
    case 5: bytes.removeSubrange(place...)
    case 6: bytes.insert(contentsOf: dictionary.randomElement(using: &self) ?? [], at: place)
    case 7: bytes.replaceSubrange(place..<end, with: dictionary.randomElement(using: &self) ?? [])
    case 8:
      let other = corpus.randomElement(using: &self) ?? []
      let start = Int.random(in: 0...other.count, using: &self)
      bytes.replaceSubrange(place..., with: other[start...])
    default:
      let piece =
        end > place ? Array(bytes[place..<end]) : dictionary.randomElement(using: &self) ?? []
      let times = [2, 10, 100, 2000].randomElement(using: &self) ?? 2
      bytes.insert(contentsOf: Array(repeatElement(piece, count: times).joined()), at: place)
    }
    // Repeated repetitions grow fast.
    if bytes.count > 200_000 { bytes.removeSubrange(200_000...) }
  }
}
