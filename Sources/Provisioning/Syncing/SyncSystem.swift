/// A system that the API copies codes to and can be asked to do it again for.
public enum SyncSystem: String, Hashable, Sendable, CaseIterable {
  /// Shopify discounts.
  case shopify
  /// Stripe promotion codes.
  case stripe
}
