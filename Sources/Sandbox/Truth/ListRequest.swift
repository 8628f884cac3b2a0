/// A request to list codes that arrived.
public struct ListRequest: Sendable, Hashable {
  /// The reward listed, a UUID in lower case.
  public let reward: String
  /// When its head had been read: nanoseconds of CLOCK_MONOTONIC.
  public let arrivedAt: UInt64
  /// The status that it was answered with, nil if with none.
  public let status: Int?
  /// The names of the faults that struck it.
  public let faults: [String]
}
