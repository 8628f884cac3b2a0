/// An order of listing.
public enum OrderShown: String, Sendable, Hashable, Codable {
  /// Oldest first.
  case ascending
  /// Newest first.
  case descending
  /// Newest first, by the time of making.
  case making
  /// By the dice, the same on every page of as many codes.
  case shuffled
}
