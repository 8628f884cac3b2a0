import Provisioning

extension MemoryLedger {
  /// What a clean answer teaches: `codemint.learn_from_answer` and `codemint.learn_offset`.
  mutating func learn(
    from settlement: Settlement,
    to reward: inout RewardRow,
    sent: Int64?,
    now: Int64
  ) {
    let codes = settlement.codes
    reward.newestKnown = [codes.first, codes.last].compactMap { $0?.id }
    if let prefix = settlement.call.prefix, reward.prefixLiteral != false {
      reward.prefixLiteral = codes.allSatisfy { $0.code.hasPrefix(prefix) }
    }
    if let sent { learnOffset(sent: sent, created: codes.map(\.createdAt), now: now) }
  }

  /// A code was created between the moment of sending and now, which narrows down how far the
  /// API's clock is ahead. A contradiction makes `createdAt` unbelievable for a day.
  private mutating func learnOffset(sent: Int64, created: [Timestamp?], now: Int64) {
    defer { account.offsetMeasuredAt = now }
    let times = created.compactMap { $0?.microseconds }
    guard let first = times.min(), let last = times.max(), times.count == created.count,
      last - now <= first - sent
    else {
      account.offsetDistrustedUntil = now + Self.day
      account.offsetLow = nil
      account.offsetHigh = nil
      return
    }
    let (low, high) = (last - now, first - sent)
    guard let oldLow = account.offsetLow, let oldHigh = account.offsetHigh else {
      account.offsetLow = low
      account.offsetHigh = high
      return
    }
    // Clocks drift apart by one in a thousand.
    let drift = min(now - (account.offsetMeasuredAt ?? now), Self.day) / 1000 + 1000
    let (newLow, newHigh) = (max(oldLow - drift, low), min(oldHigh + drift, high))
    if newLow > newHigh { account.offsetDistrustedUntil = now + Self.day }
    account.offsetLow = newLow > newHigh ? low : newLow
    account.offsetHigh = newLow > newHigh ? high : newHigh
  }

  /// What the API's clock is ahead, less surely the longer ago it was measured; nil if its
  /// `createdAt` is not believed.
  func offset(now: Int64) -> ClockOffset? {
    guard let low = account.offsetLow, let high = account.offsetHigh,
      account.offsetDistrustedUntil ?? .min <= now
    else { return nil }
    let drift = max(0, min(now - (account.offsetMeasuredAt ?? now), Self.day)) / 1000
    return ClockOffset(low: low - drift, high: high + drift)
  }
}
