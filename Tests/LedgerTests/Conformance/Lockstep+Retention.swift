import Provisioning

extension Lockstep {
  /// Forgets old calls; here those of some seconds ago are old.
  mutating func prune() async throws -> String {
    let age = Duration.seconds(Int.random(in: 1...20, using: &random))
    let limit = Int.random(in: 1...20, using: &random)
    let one = try await memory.store.pruneCalls(olderThan: age, atMost: limit)
    compare(one, try await postgres.store.pruneCalls(olderThan: age, atMost: limit))
    return "prune \(one.number)"
  }
}
