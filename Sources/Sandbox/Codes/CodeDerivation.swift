/// What follows from a code's number and the seed.
struct CodeDerivation: Sendable {
  let text: CodeText
  let outlook: SyncOutlook
  private let fate: FateOutlook
  private let taken: Share
  private let seed: UInt64

  init(_ configuration: SandboxConfiguration) {
    text = CodeText(configuration.codes, seed: configuration.seed)
    outlook = SyncOutlook(configuration.sync, seed: configuration.seed)
    fate = FateOutlook(configuration.fate, seed: configuration.seed)
    taken = Share(configuration.takenShare)
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
    if let changed = fate.status(of: number, born: born, at: now) { return changed }
    let isTaken = taken.covers(mixed(number ^ seed ^ 0x7461_6b65_6e))
    return (isTaken ? .reserved : .available, since: 0)
  }

  /// Whether all codes have this status, or none, without looking at each: nil means to look.
  func uniformly(_ status: CodeStatus) -> Bool? {
    guard fate.neverChanges else { return nil }
    return switch status {
    case .available: taken.isNever ? true : nil
    case .reserved: taken.isNever ? false : nil
    case .redeemed, .expired, .revoked: false
    }
  }

  /// When the code last changed, in milliseconds after its birth.
  func changed(_ number: UInt64, born: UInt64, at now: UInt64, calls: [SyncCall]) -> Int64 {
    guard outlook.changes(number) || fate.changes(number) else { return 0 }
    var latest = status(of: number, born: born, at: now).since
    for system in outlook.systems {
      let (_, since) = outlook.standing(of: number, in: system, born: born, at: now, calls: calls)
      latest = max(latest, since)
    }
    return Int64(latest / 1_000_000)
  }
}
