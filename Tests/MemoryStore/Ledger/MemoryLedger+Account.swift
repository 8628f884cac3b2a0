public import Provisioning

/// The account: its limits, and what answers of the API mean for everybody.
extension MemoryLedger {
  /// Sets limits as an operator does: `codemint.set_limits`. The next heartbeat puts them in force.
  public mutating func setLimits(_ limits: SetLimits, now: Int64) {
    account.set = limits
  }

  /// Limits the codes of a day as an operator does: `codemint.set_codes_per_day`.
  public mutating func setCodesPerDay(_ codes: Int?) {
    account.setCodesPerDay = codes
  }

  /// Puts the limits in force: `codemint.apply_limits`.
  mutating func applyLimits(now: Int64) {
    let living = workers.values.filter { $0.expiresAt >= now }.map(\.limits)
    let least = living.dropFirst().reduce(living.first) { $0?.lesser($1) }
    let old = limiter(now: now)?.spacing
    account.limits = account.set.over(least ?? account.limits)
    account.codesPerDay = account.setCodesPerDay
    rescaleSlot(from: old, now: now)
  }

  /// As many requests stay ahead as were, at a pace that has risen: `codemint.rescale_slot`.
  private mutating func rescaleSlot(from old: Int64?, now: Int64) {
    guard let old, let new = limiter(now: now)?.spacing, let slot = account.nextSlot,
      slot > now, new < old
    else { return }
    let product = (slot - now).multipliedFullWidth(by: new)
    account.nextSlot = now + old.dividingFullWidth(product).quotient
  }

  /// What a call's ending means for everybody: `codemint.apply_account_effect`. An ending that did not
  /// land only brings the API's wishes.
  mutating func apply(
    _ effect: AccountEffect,
    of settlement: Settlement,
    sent: Int64?,
    landed: Bool,
    now: Int64
  ) {
    if landed {
      account.inFlight = max(account.inFlight - 1, 0)
      apply(effect, jitter: settlement.jitter, sent: sent, now: now)
    }
    if let feedback = settlement.feedback {
      account.apply(feedback, sent: sent, now: now)
    }
  }

  private mutating func apply(_ effect: AccountEffect, jitter: Double, sent: Int64?, now: Int64) {
    switch effect {
    case .none: break
    case .proven: account.proved(now: now)
    case .throttled(let asked):
      let pause = asked ?? Backoff.api.pause(failures: account.failures + 1, jitter: jitter)
      account.throttled(pause: pause, sent: sent, now: now)
    case .unreachable: account.failed(.unreachable, jitter: jitter, sent: sent, now: now)
    case .failing: account.failed(.failing, jitter: jitter, sent: sent, now: now)
    case .blocked(let code, let message):
      account.blockedAt = account.blockedAt ?? now
      account.blockedCode = code
      account.blockedMessage = message
      account.probeAt = account.probeAt ?? now
    }
  }

  /// Slows everybody down as an answer asks: `codemint.apply_feedback`.
  public mutating func applyFeedback(_ feedback: PaceFeedback, age: Duration, now: Int64) {
    account.apply(feedback, sent: now - age.microseconds, now: now)
  }

  /// A new slot for a call that missed its own: `codemint.move_slot`.
  public mutating func moveSlot(_ call: CallID, worker: WorkerID, now: Int64) -> Duration? {
    guard let row = calls[call], row.worker == worker, row.state == .sending,
      account.blockedAt == nil, account.breaker != .open,
      let slot = takeSlot(now: now, within: Self.nearby, isLate: true)
    else { return nil }
    calls[call]?.sendAt = slot
    return .microseconds(slot - now)
  }

  /// A slot for a request that is no call: `codemint.reserve_slot`.
  public mutating func reserveSlot(now: Int64) -> Duration? {
    guard account.mayList, account.pausedUntil.map({ $0 - now <= Self.nearby }) ?? true else {
      return nil
    }
    return takeSlot(now: now, within: .max).map { .microseconds($0 - now) }
  }

  /// Takes the next slot, if it is within so many microseconds.
  private mutating func takeSlot(now: Int64, within horizon: Int64, isLate: Bool = false) -> Int64?
  {
    guard let limiter = limiter(now: now) else { return nil }
    let nextSlot = account.nextSlot ?? now
    let slot = limiter.slot(now: now, nextSlot: nextSlot, pausedUntil: account.pausedUntil)
    guard slot - now <= horizon else { return nil }
    account.nextSlot = limiter.following(slot, now: now, nextSlot: nextSlot, isLate: isLate)
    return slot
  }

  /// What is worth waiting for, in microseconds.
  private static let nearby: Int64 = 5_000_000

  /// The limiter at the present pace; nil until a worker announces itself.
  func limiter(
    now: Int64,
    lease: Duration = .seconds(Bounds.leaseSeconds.upperBound)
  ) -> SlotLimiter? {
    account.limits.map { SlotLimiter($0, pace: account.currentPace(now: now), lease: lease) }
  }

  /// Why nothing may be sent, and whether this worker probes: `codemint.account_block`.
  mutating func accountBlock(now: Int64) -> AccountBlock? {
    let code: String
    let message: String
    if account.blockedAt != nil, let blocked = account.blockedCode {
      (code, message) = (blocked, account.blockedMessage ?? "")
    } else if account.breaker == .open {
      code = "api_failing"
      message = "\(account.failures) failures in a row; GET /v1/team is asked until it answers"
    } else {
      return nil
    }
    let isProbeDue = account.probeAt ?? .max <= now
    if isProbeDue {
      account.probeAt = now + Self.probeEvery.microseconds
      if let limiter = limiter(now: now) {
        let nextSlot = account.nextSlot ?? now
        let slot = limiter.slot(now: now, nextSlot: nextSlot, pausedUntil: account.pausedUntil)
        account.nextSlot = limiter.following(slot, now: now, nextSlot: nextSlot)
      }
    }
    return AccountBlock(code: code, message: message, probeNow: isProbeDue)
  }

  /// Records what a probe showed: `codemint.record_probe`.
  public mutating func recordProbe(_ answer: TeamAnswer, now: Int64) {
    if case .refused = answer {
      // A list that is refused for its key blocks an account that was open.
    } else if account.blockedAt == nil, account.breaker != .open {
      return
    }
    account.probeAt = now + Self.probeEvery.microseconds
    switch answer {
    case .accepted:
      account.answered()
      account.blockedAt = nil
      account.blockedCode = nil
      account.blockedMessage = nil
      account.probeAt = nil
      signals.append(.jobs)
    case .refused(let code, let message):
      account.answered()
      account.blockedAt = account.blockedAt ?? now
      account.blockedCode = code
      account.blockedMessage = message
    case .unreachable: break
    }
  }
}

extension AccountRow {
  /// Whether the API may be asked to list: `codemint.may_list`.
  var mayList: Bool { blockedAt == nil && breaker != .open }

  /// The API answered as it should: `codemint.account_proven`.
  mutating func proved(now: Int64) {
    if breaker != nil, let rate = currentPace(now: now), let limits {
      pace = .recovering(from: rate, configured: limits.requestsPerSecond, now: now)
      breaker = nil
      if blockedAt == nil { probeAt = nil }
    }
    failures = 0
    provenAt = now
    if pauseReason != .throttled || pausedUntil ?? .max <= now {
      pauseReason = nil
      pausedUntil = nil
    }
  }

  /// An answer asks for a pause or for less: `codemint.apply_feedback`.
  mutating func apply(_ feedback: PaceFeedback, sent: Int64?, now: Int64) {
    if feedback.isRefusal {
      throttled(pause: feedback.pause ?? .seconds(1), sent: sent, now: now)
    } else if let pause = feedback.pause {
      self.pause(pause, now: now)
    }
    guard let ceiling = feedback.ceiling, let rate = currentPace(now: now), let limits,
      ceiling < rate
    else { return }
    pace = .announced(ceiling, configured: limits.requestsPerSecond, now: now)
  }

  /// The API asked for less: `codemint.account_throttled`.
  mutating func throttled(pause: Duration, sent: Int64?, now: Int64) {
    if isNews(sent), let rate = currentPace(now: now), let limits {
      pace = .throttled(from: rate, configured: limits.requestsPerSecond, now: now)
      failedAt = now
    }
    self.pause(pause, now: now)
  }

  /// Nobody sends for this long, an hour at most, because the API asks for it.
  mutating func pause(_ pause: Duration, now: Int64) {
    let length = min(pause, Bounds.longestPause).microseconds
    pausedUntil = max(pausedUntil ?? .min, now + length)
    pauseReason = .throttled
  }

  /// The API failed, or could not be reached: `codemint.account_failed`.
  mutating func failed(_ reason: PauseReason, jitter: Double, sent: Int64?, now: Int64) {
    let isNew = isNews(sent)
    if isNew {
      failures += 1
      failedAt = now
    }
    let isThrottled = pauseReason == .throttled && pausedUntil ?? .min > now
    let pause = Backoff.account(failures: max(failures, 1), jitter: jitter)
    let end = max(pausedUntil ?? .min, now + pause.microseconds)
    pausedUntil = end
    if !isThrottled { pauseReason = reason }
    if isNew, failures >= Bounds.breakerFailures {
      breaker = .open
      probeAt = end
    }
  }

  /// A probe was answered: what the breaker waited for has come.
  mutating func answered() {
    guard breaker == .open else { return }
    breaker = .trial
    if pauseReason != .throttled {
      pausedUntil = nil
      pauseReason = nil
    }
  }

  /// Whether an ending says something new: `codemint.is_news`.
  private func isNews(_ sent: Int64?) -> Bool {
    guard let sent, let failedAt else { return true }
    return sent > failedAt
  }
}
