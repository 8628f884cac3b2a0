import Provisioning

extension MemoryLedger {
  /// What a call's ending means for its reward: `codemint.apply_reward_effect`.
  mutating func apply(
    _ effect: RewardEffect,
    to reward: inout RewardRow,
    of id: RewardID,
    landed: Bool,
    now: Int64
  ) {
    if landed { reward.inFlight -= 1 }
    switch effect {
    case .proven where landed:
      reward.failures = 0
      reward.failingSince = nil
      reward.pausedUntil = nil
      reward.errorCode = nil
      reward.errorMessage = nil
    case .failed where landed:
      reward.failures += 1
      reward.failingSince = reward.failingSince ?? now
    case .refused(let pause, let code, let message) where landed:
      reward.failures += 1
      reward.pausedUntil = max(reward.pausedUntil ?? .min, now + pause.microseconds)
      reward.errorCode = code
      reward.errorMessage = message
      if reward.failures >= Bounds.rewardRefusals {
        hold(id, code: code, message: message)
        reward.failures = 0
        reward.failingSince = nil
      }
    case .none, .closed, .failed, .proven, .refused, .watched: break
    }
    rewards[id] = reward
  }

  /// Every open job of a reward waits for a person.
  mutating func hold(_ reward: RewardID, code: String, message: String) {
    for id in jobs.keys {
      guard var job = jobs[id], job.reward == reward, job.state.takesCalls, !job.held else {
        continue
      }
      job.held = true
      job.turn = nil
      job.nextCallAt = nil
      job.errorCode = code
      job.errorMessage = message
      jobs[id] = job
    }
  }
}
