/// What follows from a code's number and the seed.
struct CodeDerivation: Sendable {
  let text: CodeText
  let outlook: SyncOutlook
  private let taken: Share
  private let seed: UInt64

  init(_ configuration: SandboxConfiguration) {
    text = CodeText(configuration.codes, seed: configuration.seed)
    outlook = SyncOutlook(configuration.sync, seed: configuration.seed)
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

  func status(of number: UInt64) -> CodeStatus {
    taken.covers(mixed(number ^ seed ^ 0x7461_6b65_6e)) ? .reserved : .available
  }

  /// Whether all codes have this status, or none, without looking at each: nil means to look.
  func uniformly(_ status: CodeStatus) -> Bool? {
    switch status {
    case .available: taken.isNever ? true : nil
    case .reserved: taken.isNever ? false : nil
    case .redeemed, .expired, .revoked: false
    }
  }

  /// When the code last changed, in milliseconds after its birth.
  func changed(_ number: UInt64, born: UInt64, at now: UInt64, calls: [SyncCall]) -> Int64 {
    outlook.systems.reduce(0) { latest, system in
      let (_, since) = outlook.standing(of: number, in: system, born: born, at: now, calls: calls)
      return max(latest, Int64(since / 1_000_000))
    }
  }
}
