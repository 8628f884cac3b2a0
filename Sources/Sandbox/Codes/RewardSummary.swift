/// A reward as the API shows it.
struct RewardSummary: Sendable {
  let id: UUIDBits
  /// Milliseconds since 1970 by the API's clock.
  let createdAt: Int64
  let codes: Int

  init(_ shelf: Shelf) {
    id = shelf.reward
    createdAt = shelf.createdAt
    codes = shelf.count
  }
}
