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

/// The bound below which a scrambled number falls with this probability.
struct Share: Sendable {
  private let bound: UInt64
  private let always: Bool

  /// Takes a probability of 0 to 1.
  init(_ probability: Double) {
    always = probability >= 1
    bound = always ? .max : UInt64(max(0, probability) * 0x1p64)
  }

  /// Whether none ever falls in.
  var isNever: Bool { !always && bound == 0 }

  func covers(_ scrambled: UInt64) -> Bool { always || scrambled < bound }
}
