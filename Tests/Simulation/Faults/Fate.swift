import Provisioning

/// What becomes of one request to generate codes.
enum Fate: CaseIterable {
  case works, noConnection, hangs, generatesAfterHangUp, resetBefore, resetAfter
  case failsBefore, failsAfter, partial, nulls, short, keepsBack, long, doubled, foreign
  case throttled, unstorable, slow

  /// Draws one.
  static func draw(in stage: Stage) -> Fate {
    guard stage.world.happens(stage.chaos.generateFault) else { return .works }
    return Fate.allCases.randomElement(using: &stage.world.random) ?? .works
  }

  /// How many codes are made of so many that were asked for.
  func number(of size: Int, _ random: inout some RandomNumberGenerator) -> Int {
    switch self {
    case .noConnection, .hangs, .resetBefore, .failsBefore, .throttled: 0
    case .partial, .short: Int.random(in: 0..<size, using: &random)
    case .long: size + Int.random(in: 1...3, using: &random)
    case .works, .generatesAfterHangUp, .resetAfter, .failsAfter, .nulls, .keepsBack, .doubled,
      .foreign, .unstorable, .slow:
      size
    }
  }
}
