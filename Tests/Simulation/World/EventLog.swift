/// What happened in a simulation: the last events, and a digest of all of them.
final class EventLog {
  private(set) var count = 0
  /// Two runs with the same digest had the same events at the same times.
  private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325
  private var kept: [String] = []
  private let shown: Int

  /// A log that keeps the last so many events.
  init(shown: Int) {
    self.shown = shown
  }

  func note(_ event: String, at time: Int64) {
    count += 1
    let milliseconds = (time - 1_000_000_000_000_000_000) / 1_000_000
    let line = "\(milliseconds) ms  \(event)"
    for byte in line.utf8 { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01B3 }
    kept.append(line)
    if kept.count > Self.most + shown { kept.removeFirst(Self.most) }
  }

  /// The last events.
  var tail: [String] { Array(kept.suffix(shown)) }

  /// How many events are kept beyond those that are shown, before the older ones are dropped.
  private static let most = 100
}
