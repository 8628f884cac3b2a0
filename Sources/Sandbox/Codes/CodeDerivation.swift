/// What follows from a code's number and the seed.
struct CodeDerivation: Sendable {
  let text: CodeText
  let outlook: SyncOutlook
  private let fate: FateOutlook
  private let seed: UInt64

  init(_ configuration: SandboxConfiguration) {
    text = CodeText(configuration.codes, seed: configuration.seed)
    outlook = SyncOutlook(configuration.sync, seed: configuration.seed)
    fate = FateOutlook(configuration.fate, seed: configuration.seed)
    seed = mixed(configuration.seed)
  }

  func id(of number: UInt64) -> UUIDBits {
    UUIDBits(number: number, seed: seed)
  }

  /// The text of a code, behind its prefix.
  func text(of number: UInt64) -> String {
    String(unsafeUninitializedCapacity: text.length) { bytes in
      var pen = Pen(UnsafeMutableRawBufferPointer(bytes))
      text.write(number, with: &pen)
      return pen.written
    }
  }

  /// Whether every code is as it was at birth, so that `updatedAt` orders as `createdAt` does.
  var neverChanges: Bool { outlook.neverChanges && fate.neverChanges }

  /// The status of a code, and how many nanoseconds after its birth that began.
  func status(of number: UInt64, born: UInt64, at now: UInt64) -> (CodeStatus, since: UInt64) {
    fate.status(of: number, born: born, at: now) ?? (.available, since: 0)
  }

  /// Whether all codes have this status, or none, without looking at each: nil means to look.
  func uniformly(_ status: CodeStatus) -> Bool? {
    fate.neverChanges ? status == .available : nil
  }

  /// When the code last changed, in microseconds after its birth.
  func changed(_ number: UInt64, born: UInt64, at now: UInt64, calls: [SyncCall]) -> Int64 {
    guard outlook.changes(number) || fate.changes(number) else { return 0 }
    var latest = status(of: number, born: born, at: now).since
    for system in outlook.systems {
      let (_, since) = outlook.standing(of: number, in: system, born: born, at: now, calls: calls)
      latest = max(latest, since)
    }
    return Int64(latest / 1000)
  }
}

/// What a customer has done with a code.
public enum CodeStatus: String, Sendable, Hashable, Codable, CaseIterable {
  /// Nothing.
  case available
  /// Reserved it.
  case reserved
  /// Redeemed it.
  case redeemed
  /// Let it expire.
  case expired
  /// Had it revoked.
  case revoked
}

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

/// Derives, from a code's number, how it fares in the other systems; nothing is stored by code.
struct SyncOutlook: Sendable {
  /// How a code stands in one system.
  enum Standing: Sendable, Equatable {
    case pending, synced, failed
  }

  let systems: [SyncShape.System]
  private let pending: Share
  private let failing: Share
  private let pendingNanoseconds: UInt64
  private let spreadNanoseconds: UInt64
  private let seed: UInt64

  init(_ shape: SyncShape, seed: UInt64) {
    systems = SyncShape.System.allCases.filter(shape.systems.contains)
    pending = Share(shape.pendingShare)
    failing = Share(shape.errorShare)
    pendingNanoseconds = shape.pendingFor.nanoseconds
    spreadNanoseconds = shape.pendingSpread.nanoseconds
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
      let end = since &+ pendingNanoseconds &+ spread(lot &+ attempt)
      guard now >= born, now - born >= end else { return (.pending, since: since) }
      attempt += 1
      guard failing.covers(mixed(lot &+ attempt)) else { return (.synced, since: end) }
      let again = later.firstIndex {
        $0.system == system && $0.moment >= born && $0.moment - born >= end && $0.moment <= now
      }
      guard let again else { return (.failed, since: end) }
      since = calls[again].moment - born
      later = calls[(again + 1)...]
    }
  }
}

/// The bound below which a scrambled number falls with this probability.
struct Share: Sendable, Equatable {
  private let bound: UInt64
  private let always: Bool

  /// Takes a probability of 0 to 1.
  init(_ probability: Double) {
    always = probability >= 1
    bound = always ? .max : UInt64(max(0, probability) * 0x1p64)
  }

  /// Whether none ever falls in.
  var isNever: Bool { !always && bound == 0 }

  func covers(_ scrambled: UInt64) -> Bool { always || scrambled < bound }
}
