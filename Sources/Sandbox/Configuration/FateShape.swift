/// What becomes of codes after they were made: customers claim them, they expire, they are revoked.
public struct FateShape: Sendable, Hashable {
  /// Share of codes, 0 to 1, whose status changes, once.
  public var share: Double
  /// The shortest time from a code's birth to its change.
  public var after: Duration
  /// How much longer it may take, drawn for each code by itself.
  public var spread: Duration

  /// Defaults to nothing becoming of any.
  public init(share: Double = 0, after: Duration = .zero, spread: Duration = .zero) {
    self.share = share
    self.after = after
    self.spread = spread
  }

  func validate() throws(SandboxError) {
    guard (0...1).contains(share) else {
      throw .configuration("the share of codes whose status changes is between 0 and 1")
    }
    guard after >= .zero, spread >= .zero else {
      throw .configuration("codes change after no or some time, not a negative one")
    }
  }
}
