import Sandbox

extension SandboxTruth {
  /// Every code that exists, with its reward.
  var everyCode: [(reward: String, code: MadeCode)] {
    codesByReward.keys.flatMap { reward in
      made(ofReward: reward).map { (reward, $0) }
    }
  }
}
