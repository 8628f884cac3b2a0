/// A call of which nobody knows whether it made codes, with the times that bound when it can have.
///
/// All times are the database's.
public struct DoubtfulCall: Hashable, Sendable {
  /// The call.
  public let call: Call
  /// The earliest moment at which it can have reached the API: its slot.
  public let earliest: Timestamp
  /// The latest moment at which it can still take effect: its linger (protocol, rule 4).
  public let latest: Timestamp

  /// A doubtful call.
  public init(call: Call, earliest: Timestamp, latest: Timestamp) {
    self.call = call
    self.earliest = earliest
    self.latest = latest
  }
}
