import Provisioning

extension MemoryLedger {
  /// What became of the codes of one answer.
  struct Stored {
    var issued = 0
    var surplus = 0
    var returned = 0
  }

  /// Takes in the codes of one answer: `codemint.store_codes`. New ones count for the job up to
  /// `room`, the rest is surplus; known ones stay where they are, except that an answer takes its
  /// own codes back from surplus.
  mutating func store(
    _ shown: [IssuedCode],
    of call: Call,
    room: Int,
    job: inout JobRow,
    now: Int64
  ) -> Stored {
    defer { track(shown, of: call.reward, now: now) }
    var stored = Stored()
    for code in shown where codes[code.id] == nil {
      let counts = stored.issued < room
      var row = CodeRow(code: code, job: call.job, call: call.id, isSurplus: !counts)
      row.storedAt = now
      row.syncedAt = code.syncStatus == .synced ? now : nil
      codes[code.id] = row
      if counts { stored.issued += 1 } else { stored.surplus += 1 }
    }
    let free = room - stored.issued
    guard stored.issued + stored.surplus < shown.count, free > 0 else { return stored }
    let own = shown.map(\.id).sorted().filter { id in
      guard let row = codes[id], row.isSurplus, row.code.reward == call.reward else { return false }
      return row.call == nil || row.call == call.id
    }
    for id in own.prefix(free) {
      guard var row = codes[id] else { continue }
      if row.job == job.id {
        job.surplus -= 1
      } else if let other = row.job {
        jobs[other]?.surplus -= 1
      }
      row.job = call.job
      row.call = call.id
      row.isSurplus = false
      codes[id] = row
      stored.returned += 1
    }
    return stored
  }

  /// Keeps codes whose owner is not proven: `codemint.store_unattributed`.
  mutating func keep(_ shown: [IssuedCode], of call: Call) {
    for code in shown where codes[code.id] == nil && unattributed[code.id] == nil {
      unattributed[code.id] = CodeRow(code: code, job: nil, call: call.id, isSurplus: true)
    }
  }

  /// What a clean answer shows of the reward and of the API's clock: `codemint.record_facts`.
  mutating func recordFacts(
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
    if let sent { recordClockOffset(sent: sent, created: codes.map(\.createdAt), now: now) }
  }

  /// A code was created between the moment of sending and now, which narrows down how far the
  /// API's clock is ahead: `codemint.record_clock_offset`. A contradiction makes `createdAt`
  /// unbelievable for a day.
  private mutating func recordClockOffset(sent: Int64, created: [Timestamp?], now: Int64) {
    let times = created.compactMap { $0?.microseconds }
    let (oldLow, oldHigh) = (apiClock.aheadAtLeast, apiClock.aheadAtMost)
    guard let first = times.min(), let last = times.max(), times.count == created.count,
      last - now <= first - sent
    else { return record(low: nil, high: nil, agrees: false, now: now) }
    let (low, high) = (last - now, first - sent)
    guard let oldLow, let oldHigh else {
      return record(low: low, high: high, agrees: true, now: now)
    }
    // Nothing that is not known already.
    if low <= oldLow, high >= oldHigh { return }
    let drift = clockDrift(now: now) + 1000
    let (newLow, newHigh) = (max(oldLow - drift, low), min(oldHigh + drift, high))
    let agrees = newLow <= newHigh
    record(low: agrees ? newLow : low, high: agrees ? newHigh : high, agrees: agrees, now: now)
  }

  private mutating func record(low: Int64?, high: Int64?, agrees: Bool, now: Int64) {
    apiClock.aheadAtLeast = low
    apiClock.aheadAtMost = high
    apiClock.measuredAt = now
    if !agrees { apiClock.distrustedUntil = now + Self.day }
  }

  /// How far the API's clock is ahead, less certain the longer ago it was measured; nil if its
  /// `createdAt` is not believed: `codemint.clock_offset`.
  func offset(now: Int64) -> ClockOffset? {
    guard let low = apiClock.aheadAtLeast, let high = apiClock.aheadAtMost,
      apiClock.distrustedUntil ?? .min <= now
    else { return nil }
    let drift = clockDrift(now: now)
    return ClockOffset(low: low - drift, high: high + drift)
  }

  /// How far clocks can have drifted apart since they were measured, by one in a thousand.
  private func clockDrift(now: Int64) -> Int64 {
    max(0, min(now - (apiClock.measuredAt ?? now), Self.day)) / 1000
  }
}
