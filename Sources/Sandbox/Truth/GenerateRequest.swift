/// A generate request that arrived, and what became of it.
public struct GenerateRequest: Sendable, Hashable {
  /// What the client got to see. That it was sent does not say that it was received.
  public enum Answer: String, Sendable, Hashable {
    /// Not a byte, so far.
    case none
    /// The beginning of an answer.
    case part
    /// A whole HTTP message.
    case whole
  }

  /// Place in the order of arrival, from 1.
  public let number: Int
  /// The reward asked about, a UUID in lower case.
  public let reward: String
  /// When its head had been read: nanoseconds of CLOCK_MONOTONIC, comparable between processes of one
  /// machine.
  public let arrivedAt: UInt64
  /// How many codes it asked for, nil while unread or unreadable.
  public let count: Int?
  /// How many codes came into being for it.
  public let made: Int
  /// The status that it was answered with, nil if with none.
  public let status: Int?
  /// What the client got to see.
  public let answer: Answer
  /// The names of the faults that struck it.
  public let faults: [String]
}
