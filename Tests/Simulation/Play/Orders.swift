import MemoryStore
import Provisioning

/// The jobs of one simulation.
struct Orders {
  let stage: Stage
  let api: SimulatedAPI

  private var world: World { stage.world }

  static let prefixes: [String?] = [nil, "A", "AB", "B"]

  /// Inserts them.
  /// - Returns: Of how many rewards.
  func insert() -> Int {
    // Few codes a call, so that jobs of few codes have many calls.
    stage.store.change { ledger, _ in ledger.largestCall = 5 }
    let rewards = Int.random(in: 1...3, using: &world.random)
    if world.happens(0.05) { api.missing.insert(Samples.reward(1)) }
    let isPrefixed = world.happens(0.6)
    for _ in 0..<Int.random(in: 1...6, using: &world.random) {
      let order = JobOrder(
        reward: Samples.reward(Int.random(in: 1...rewards, using: &world.random)),
        count: Int.random(in: 1...120, using: &world.random),
        prefix: isPrefixed ? Self.prefixes.randomElement(using: &world.random) ?? nil : nil,
        priority: Int.random(in: 4...6, using: &world.random),
        delay: world.happens(0.5) ? .zero : .nanoseconds(world.draw(.zero...(.seconds(120))))
      )
      stage.store.insert(order)
    }
    return rewards
  }
}
