internal import Synchronization

/// Holds the plan in force and decides, request by request, which of its rules strike. The same plan,
/// seed and order of requests give the same decisions.
final class FaultDice: Sendable {
  /// How often a rule has been looked at and has struck.
  struct Tally: Sendable, Equatable {
    var seen = 0
    var struck = 0
  }

  private struct State {
    var plan: FaultPlan
    var rewards: [UUIDBits?]
    var tallies: [Tally]

    init(_ plan: FaultPlan) {
      self.plan = plan
      rewards = plan.rules.map { $0.reward.flatMap { UUIDBits($0) } }
      tallies = Array(repeating: Tally(), count: plan.rules.count)
    }
  }

  private let fallbackSeed: UInt64
  private let state: Mutex<State>

  init(_ plan: FaultPlan, seed: UInt64) {
    fallbackSeed = seed
    state = Mutex(State(plan))
  }

  var plan: FaultPlan { state.withLock { $0.plan } }
  var tallies: [Tally] { state.withLock { $0.tallies } }

  /// Decides shuffled listings: the same as long as the plan is.
  var shuffleKey: UInt64 { mixed(plan.seed ?? fallbackSeed) }

  /// Puts another plan in force, with all its counts at the start.
  func replace(_ plan: FaultPlan) {
    state.withLock { $0 = State(plan) }
  }

  /// Decides about the next request of this kind.
  func decide(_ endpoint: FaultRule.Endpoint, of reward: UUIDBits? = nil) -> FaultDecision {
    state.withLock { state in
      var decision = FaultDecision()
      for index in state.plan.rules.indices {
        let rule = state.plan.rules[index]
        guard rule.endpoint == endpoint, rule.reward == nil || state.rewards[index] == reward
        else { continue }
        state.tallies[index].seen += 1
        let seen = state.tallies[index].seen
        let seed = mixed(state.plan.seed ?? fallbackSeed) &+ UInt64(index)
        let lot = mixed(mixed(seed) &+ UInt64(seen))
        guard rule.strikes(seen: seen, struck: state.tallies[index].struck, lot: lot) else {
          continue
        }
        state.tallies[index].struck += 1
        decision.add(rule.fault, lot: mixed(lot))
      }
      return decision
    }
  }
}

extension FaultRule {
  /// Whether it strikes the request that is the `seen`th to match it.
  fileprivate func strikes(seen: Int, struck: Int, lot: UInt64) -> Bool {
    let place = seen - skip
    guard place > 0, place <= first ?? .max, place % every == 0, struck < times ?? .max else {
      return false
    }
    return Share(probability).covers(lot)
  }
}
