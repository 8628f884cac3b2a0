/// Derives, from a code's number, what its status changes to and when; nothing is stored by code.
struct FateOutlook: Sendable {
  private let changing: Share
  private let after: UInt64
  private let spread: UInt64
  private let seed: UInt64

  init(_ shape: FateShape, seed: UInt64) {
    changing = Share(shape.share)
    after = shape.after.nanoseconds
    spread = shape.spread.nanoseconds
    self.seed = mixed(seed ^ 0x6661_7465)
  }

  /// Whether no status ever changes.
  var neverChanges: Bool { changing.isNever }

  /// Whether the status of a code changes some day.
  func changes(_ number: UInt64) -> Bool {
    !changing.isNever && changing.covers(mixed(seed ^ number))
  }

  /// The status that a code has changed to and how many nanoseconds after its birth; nil if it has
  /// not.
  func status(of number: UInt64, born: UInt64, at now: UInt64) -> (CodeStatus, since: UInt64)? {
    guard changes(number), now >= born else { return nil }
    let lot = mixed(seed &+ number)
    let due = after &+ (spread == 0 ? 0 : lot % spread)
    guard now - born >= due else { return nil }
    let ends: [CodeStatus] = [.reserved, .redeemed, .expired, .revoked]
    return (ends[Int(lot >> 32) % ends.count], since: due)
  }
}
