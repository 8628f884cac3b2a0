/// What happened in simulations, in numbers.
public struct Tally: Hashable, Sendable {
  /// Calls that were claimed.
  public var calls = 0
  /// Doubtful calls that were decided.
  public var doubts = 0
  /// Those that were found upstream.
  public var adopted = 0
  /// Those judged not to have happened.
  public var absent = 0
  /// Those that wait for a person.
  public var held = 0
  /// Codes in the ledger.
  public var codes = 0
  /// Those of them that no job has room for.
  public var surplus = 0

  /// Nothing yet.
  public init() {}

  /// Both together.
  public static func + (one: Tally, other: Tally) -> Tally {
    var sum = one
    sum.calls += other.calls
    sum.doubts += other.doubts
    sum.adopted += other.adopted
    sum.absent += other.absent
    sum.held += other.held
    sum.codes += other.codes
    sum.surplus += other.surplus
    return sum
  }
}
