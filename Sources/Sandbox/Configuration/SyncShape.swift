/// How codes appear in Shopify and Stripe, which is what `externalIds` tells.
public struct SyncShape: Sendable, Hashable {
  /// A system that codes are copied to.
  public enum System: String, Sendable, Hashable, CaseIterable {
    /// Shopify discounts.
    case shopify
    /// Stripe promotion codes.
    case stripe
  }

  /// The systems that every code is copied to; none leaves `externalIds` empty.
  public var systems: Set<System>
  /// Share of codes that come back `pending`, 0 to 1, for each system by itself; the rest is `synced`.
  public var pendingShare: Double
  /// Share of the pending ones that end in `error`, 0 to 1; the rest ends `synced`.
  public var errorShare: Double
  /// How long a pending code stays so.
  public var settleAfter: Duration
  /// How much longer it may take, drawn for each code by itself.
  public var settleSpread: Duration

  /// Defaults to Shopify only, a quarter of the codes pending for two seconds, one in 200 of those failing.
  public init(
    systems: Set<System> = [.shopify],
    pendingShare: Double = 0.25,
    errorShare: Double = 0.005,
    settleAfter: Duration = .seconds(2),
    settleSpread: Duration = .zero
  ) {
    self.systems = systems
    self.pendingShare = pendingShare
    self.errorShare = errorShare
    self.settleAfter = settleAfter
    self.settleSpread = settleSpread
  }

  func validate() throws(SandboxError) {
    guard (0...1).contains(pendingShare), (0...1).contains(errorShare) else {
      throw .configuration("shares of pending and failing codes are between 0 and 1")
    }
    guard settleAfter >= .zero, settleSpread >= .zero else {
      throw .configuration("pending codes settle after no or some time, not a negative one")
    }
  }
}
