/// How sending an event to a webhook ended.
public enum DeliveryEnding: Hashable, Sendable {
  /// The receiver has it.
  case delivered
  /// It has to be sent again. The text is for people.
  case failed(String)
  /// The receiver wants no more of it. The text is for people.
  case gone(String)

  /// What the status of an answer says (Standard Webhooks, "Delivery and retries"). A redirect is not
  /// followed: whoever can redirect could have the event sent to an address that is refused.
  public static func of(status: Int) -> DeliveryEnding {
    switch status {
    case 200..<300: .delivered
    case 300..<400: .failed("the receiver answered \(status), a redirect, which is not followed")
    case 410: .gone("the receiver answered 410: it says that it is gone for good")
    default: .failed("the receiver answered \(status)")
    }
  }

  /// Why it was not delivered; nil if it was.
  public var error: String? {
    switch self {
    case .delivered: nil
    case .failed(let words), .gone(let words): words
    }
  }
}

/// How often, and for how long, an event is sent to a webhook that does not take it.
///
///     attempts   1        2        3    ...
///     ceiling    first    2x       4x   ...  never more than `longest`
///     pause      from half the ceiling up to the ceiling
///
/// A pause is never much shorter than its ceiling: what is due has to wait for its turn anyway, and a receiver
/// that is down shall not be asked twice at once.
public struct DeliveryRules: Hashable, Sendable {
  /// The ceiling of the first pause.
  public var first: Duration
  /// The ceiling that is never passed, and the longest pause that a receiver can ask for.
  public var longest: Duration
  /// How long an event is tried before it is a dead letter.
  public var patience: Duration

  /// Rules with these times.
  public init(first: Duration, longest: Duration, patience: Duration) {
    self.first = first
    self.longest = longest
    self.patience = patience
  }

  /// The rules if nobody sets others.
  public static let standard = DeliveryRules(
    first: .seconds(5),
    longest: .seconds(3600),
    patience: .seconds(3 * 86_400)
  )

  /// The pause after this many failures in a row (1 for the first).
  ///
  /// - Parameter asked: The pause that the receiver asked for (`Retry-After`), within bounds.
  public func pause(
    failures: Int,
    asked: Duration?,
    random: inout some RandomNumberGenerator
  ) -> Duration {
    let ceiling = Backoff(base: first, cap: max(first, longest)).ceiling(failures: failures)
    let half = ceiling.nanoseconds / 2
    let drawn = Duration.nanoseconds(
      Int64.random(in: half...ceiling.nanoseconds, using: &random)
    )
    return max(drawn, bounded(asked) ?? .zero)
  }

  /// The pause that a receiver asked for, as far as it is believed.
  public func bounded(_ asked: Duration?) -> Duration? {
    asked.map { min(max($0, .zero), longest) }
  }
}
