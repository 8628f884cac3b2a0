/// Derives, from a code's number, how it fares in the other systems; nothing is stored by code.
struct SyncOutlook: Sendable {
  /// How a code stands in one system.
  enum Standing: Sendable, Equatable {
    case pending, synced, failed
  }

  let systems: [SyncShape.System]
  private let pending: Share
  private let failing: Share
  private let settleNanoseconds: UInt64
  private let spreadNanoseconds: UInt64
  private let seed: UInt64

  init(_ shape: SyncShape, seed: UInt64) {
    systems = SyncShape.System.allCases.filter(shape.systems.contains)
    pending = Share(shape.pendingShare)
    failing = Share(shape.errorShare)
    settleNanoseconds = shape.settleAfter.nanoseconds
    spreadNanoseconds = shape.settleSpread.nanoseconds
    self.seed = mixed(seed ^ 0x7379_6e63)
  }

  /// Whether every code is as it was at birth, so that `updatedAt` orders as `createdAt` does.
  var neverChanges: Bool { systems.isEmpty || pending.isNever }

  /// Whether a code changes after its birth.
  func changes(_ number: UInt64) -> Bool {
    systems.contains { pending.covers(lot(of: number, in: $0)) }
  }

  private func lot(of number: UInt64, in system: SyncShape.System) -> UInt64 {
    mixed(seed ^ number &* 2 &+ (system == .shopify ? 0 : 1))
  }

  private func spread(_ lot: UInt64) -> UInt64 {
    spreadNanoseconds == 0 ? 0 : mixed(lot ^ 0x7370_7265_6164) % spreadNanoseconds
  }

  /// How a code stands, and how many nanoseconds after its birth that began.
  ///
  /// Every request to sync again gives a code that had failed by then another try.
  func standing(
    of number: UInt64,
    in system: SyncShape.System,
    born: UInt64,
    at now: UInt64,
    calls: [SyncCall]
  ) -> (Standing, since: UInt64) {
    let lot = lot(of: number, in: system)
    guard pending.covers(lot) else { return (.synced, since: 0) }
    var since: UInt64 = 0
    var attempt: UInt64 = 0
    var later = calls[...]
    while true {
      let settled = since &+ settleNanoseconds &+ spread(lot &+ attempt)
      guard now >= born, now - born >= settled else { return (.pending, since: since) }
      attempt += 1
      guard failing.covers(mixed(lot &+ attempt)) else { return (.synced, since: settled) }
      let again = later.firstIndex {
        $0.system == system && $0.moment >= born && $0.moment - born >= settled && $0.moment <= now
      }
      guard let again else { return (.failed, since: settled) }
      since = calls[again].moment - born
      later = calls[(again + 1)...]
    }
  }
}
