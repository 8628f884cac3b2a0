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
