import Provisioning

extension MemoryLedger {
  /// What was stored of an answer: `codemint.stored_codes`.
  struct Stored {
    var issued = 0
    var surplus = 0
    var returned = 0
    var own = 0
    var proven = 0
  }

  /// Takes in the codes of one answer: `codemint.store_codes`. New ones count for the job up to
  /// `room`, the rest is surplus; known ones stay where they are, except that an answer takes its own
  /// codes back from surplus.
  mutating func store(
    _ shown: [IssuedCode],
    of call: Call,
    room: Int,
    job: inout JobRow,
    now: Int64
  ) -> Stored {
    defer { track(shown, of: call.reward, now: now) }
    let known = shown.compactMap { codes[$0.id] }
      .filter { $0.code.reward == call.reward && !$0.isPurged }
    var stored = Stored()
    stored.own = known.count { $0.call == call.id }
    // What a listing showed before the call could be sent is not the call's: the answer is another's.
    let since = calls[call.id].flatMap { sentSince($0) } ?? jobs[call.job]?.createdAt ?? now
    stored.proven = known.count {
      $0.call != call.id && $0.storedAt >= since
        && (!$0.isFromAnswer || $0.isSurplus && $0.call == nil)
    }
    for code in shown where codes[code.id] == nil {
      let counts = stored.issued < room
      var row = CodeRow(code: code, job: call.job, call: call.id, isSurplus: !counts)
      row.storedAt = now
      row.syncedAt = code.syncStatus == .synced ? now : nil
      codes[code.id] = row
      if counts { stored.issued += 1 } else { stored.surplus += 1 }
    }
    let before = Set(known.map(\.code.id))
    let free = stored.surplus > 0 ? 0 : room - stored.issued
    stored.returned = takeBack(before, of: call, since: since, room: free, job: &job)
    for code in shown { replaceListed(code, of: call.reward, now: now) }
    return stored
  }

  /// Takes codes of the call back from surplus, as far as there is room: `codemint.take_back`.
  private mutating func takeBack(
    _ known: Set<CodeID>,
    of call: Call,
    since: Int64,
    room: Int,
    job: inout JobRow
  ) -> Int {
    let own = known.sorted().filter { id in
      guard let row = codes[id], row.isSurplus else { return false }
      return row.call == call.id
        || row.storedAt >= since && (row.call == nil || !row.isFromAnswer)
    }
    let returned = own.prefix(max(room, 0))
    for id in returned {
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
    }
    return returned.count
  }

  /// An answer replaces what only a listing had shown of a code: `codemint.replace_listed`.
  private mutating func replaceListed(_ shown: IssuedCode, of reward: RewardID, now: Int64) {
    guard var row = codes[shown.id], !row.isFromAnswer, row.code.reward == reward, !row.isPurged
    else { return }
    let state = shown.isNewer(than: row.code) ? shown : row.code
    if shown.isNewer(than: row.code), shown.syncStatus == .synced {
      row.syncedAt = row.syncedAt ?? now
    }
    row.isFromAnswer = true
    row.code = IssuedCode(
      id: shown.id,
      reward: reward,
      code: shown.code,
      status: state.status,
      createdAt: shown.createdAt,
      expiresAt: state.expiresAt,
      updatedAt: state.updatedAt,
      externalIDs: state.externalIDs,
      syncStatus: state.syncStatus
    )
    codes[shown.id] = row
  }

  /// Keeps codes that lack the prefix that was asked for, if that very prefix has always been seen
  /// literal: `codemint.set_aside`. Returns the others.
  mutating func setAside(_ settlement: Settlement) -> [IssuedCode] {
    let call = settlement.call
    guard let prefix = call.prefix else { return settlement.codes }
    let facts = prefixFacts(call.reward, prefix)
    guard facts.isLiteral, !facts.isAltered else { return settlement.codes }
    keep(settlement.codes.filter { !$0.hasPrefix(prefix) }, of: call)
    return settlement.codes.filter { $0.hasPrefix(prefix) }
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
    claimed: Int64?,
    now: Int64
  ) {
    let call = settlement.call
    reward.newestJob = call.job
    reward.newestCall = call.id
    if let prefix = call.prefix {
      let isLiteral = settlement.codes.allSatisfy { $0.hasPrefix(prefix) }
      record(
        APIFact("prefix", of: "\(call.reward) \(prefix)", isLiteral ? "literal" : "altered"),
        witnesses: call.size,
        now: now
      )
    }
    guard let claimed else { return }
    recordClockOffset(
      claimed: claimed,
      created: settlement.codes.map(\.createdAt),
      witnesses: call.size,
      now: now
    )
  }

  /// Whether codes have been seen that begin with this prefix, and codes that do not:
  /// `codemint.prefix_facts`.
  func prefixFacts(_ reward: RewardID, _ prefix: String) -> (isLiteral: Bool, isAltered: Bool) {
    let subject = "\(reward) \(prefix)"
    return (
      apiFacts[APIFact("prefix", of: subject, "literal")] != nil,
      apiFacts[APIFact("prefix", of: subject, "altered")] != nil
    )
  }

  /// Records a fact, at most once an hour: `codemint.record_fact`.
  private mutating func record(_ fact: APIFact, witnesses: Int, now: Int64) {
    guard var row = apiFacts[fact] else {
      apiFacts[fact] = APIFactRow(firstSeenAt: now, lastSeenAt: now, witnesses: witnesses)
      return
    }
    guard row.lastSeenAt <= now - 3_600_000_000 else { return }
    row.lastSeenAt = now
    row.witnesses += witnesses
    apiFacts[fact] = row
  }

  /// The account has a clean answer. With the first one, calls that are held for lack of evidence are
  /// judged anew at once: `codemint.hasten_held_watches`.
  mutating func prove(_ reward: RewardID, now: Int64) {
    if account.provenReward == nil {
      for (id, watch) in watches where watch.reason == .heldCall && watch.nextListingAt ?? 0 > now {
        watches[id]?.nextListingAt = now
      }
    }
    account.provenReward = reward
  }

  /// A code was created between the claim of its call and now, which narrows down how far the
  /// API's clock is ahead: `codemint.record_clock_offset`. A contradiction makes `createdAt`
  /// unbelievable for a day.
  private mutating func recordClockOffset(
    claimed: Int64,
    created: [Timestamp?],
    witnesses: Int,
    now: Int64
  ) {
    let times = created.compactMap { $0 }
    let (oldLow, oldHigh) = (apiClock.aheadAtLeast, apiClock.aheadAtMost)
    guard let first = times.min(), let last = times.max(), times.count == created.count else {
      return record(low: nil, high: nil, agrees: false, now: now)
    }
    let low = last.microseconds - last.resolution.microseconds - now
    let high = first.microseconds + first.resolution.microseconds - claimed
    let isFound = oldLow.map { low <= $0 } ?? false && oldHigh.map { high >= $0 } ?? false
    guard !isFound || low > high else { return }
    record(
      APIFact("answer_resolution", min(first.resolution, last.resolution).word),
      witnesses: witnesses,
      now: now
    )
    guard low <= high else { return record(low: nil, high: nil, agrees: false, now: now) }
    guard let oldLow, let oldHigh else {
      return record(low: low, high: high, agrees: true, now: now)
    }
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

extension Duration {
  /// A resolution in a word: `codemint.name_resolution`.
  fileprivate var word: String {
    switch self {
    case .seconds(1): "second"
    case .milliseconds(1): "millisecond"
    default: "microsecond"
    }
  }
}
