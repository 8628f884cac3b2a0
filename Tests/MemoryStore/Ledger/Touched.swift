/// Tables of a ledger, for telling which of the invariants a request can have broken.
struct Touched: OptionSet, Hashable, Sendable {
  let rawValue: UInt8

  static let jobs = Touched(rawValue: 1)
  static let calls = Touched(rawValue: 2)
  /// Those that hold codes.
  static let codes = Touched(rawValue: 4)
  static let rewards = Touched(rawValue: 8)
  static let account = Touched(rawValue: 16)
  static let all: Touched = [.jobs, .calls, .codes, .rewards, .account]
}
