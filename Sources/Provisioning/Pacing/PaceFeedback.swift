/// What answers of the API say of the pace, beside what was asked of it.
public struct PaceFeedback: Hashable, Sendable {
  /// Whether a request was refused for its pace: a 429.
  public var isRefusal: Bool
  /// How long nobody shall send.
  public var pause: Duration?
  /// Requests a second that are left until the window ends.
  public var ceiling: Double?

  /// Feedback with these parts.
  public init(isRefusal: Bool = false, pause: Duration? = nil, ceiling: Double? = nil) {
    self.isRefusal = isRefusal
    self.pause = pause
    self.ceiling = ceiling
  }

  /// Whether it asks for less than the pace that requests this far apart keep.
  public func asksForLess(than spacing: Duration) -> Bool {
    isRefusal || pause != nil || ceiling.map { $0 * spacing.seconds < 1 } ?? false
  }

  /// Both together: the more careful in every respect.
  public func joined(with other: PaceFeedback) -> PaceFeedback {
    PaceFeedback(
      isRefusal: isRefusal || other.isRefusal,
      pause: [pause, other.pause].compactMap { $0 }.max(),
      ceiling: [ceiling, other.ceiling].compactMap { $0 }.min()
    )
  }
}
