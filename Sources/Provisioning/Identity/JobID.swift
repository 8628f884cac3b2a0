/// Names a job: `codemint.jobs.id`.
public struct JobID: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The row's identity value, from 1.
  public let number: Int64

  /// Wraps a row's identity value.
  public init(_ number: Int64) {
    self.number = number
  }

  /// Orders by age: a later job has the greater number.
  public static func < (left: JobID, right: JobID) -> Bool {
    left.number < right.number
  }

  /// The number in decimal.
  public var description: String { String(number) }
}
