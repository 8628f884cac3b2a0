public import Provisioning

extension MemoryLedger {
  /// Takes the next call of the job at the head of the queue: `codemint.claim_call`.
  public mutating func claim(_ request: ClaimRequest, now: Int64) -> Claim {
    if let row = calls[request.call] { return repeated(row, request, now: now) }
    guard isClusterKnown else { return .nothing(wait: nil, due: .zero) }
    let due = nextDue(now: now)
    guard account.blockedAt == nil, account.breaker != .open, let limits = account.limits,
      account.inFlight < (account.failures > 0 ? 1 : limits.maxInFlight),
      account.codesLeft(now: now) ?? 1 > 0
    else { return .nothing(wait: nil, due: due) }
    guard var job = candidate(limits, now: now) else {
      let pauses = rewards.values.filter { $0.closedAt == nil }.compactMap(\.pausedUntil)
      // Somebody who passes over what is locked asks again soon: `codemint.wait_to_look_again`.
      let again = locked.isEmpty ? nil : now + 50_000
      let end = (pauses.filter { $0 > now } + [again].compactMap { $0 }).min()
      return .nothing(wait: end.map { Self.wait(from: now, to: $0) }, due: due)
    }
    guard let limiter = limiter(now: now, lease: request.lengths.lease) else {
      return .nothing(wait: nil, due: due)
    }
    let reservation = limiter.reserve(
      now: now,
      nextSlot: account.nextSlot ?? now,
      pausedUntil: account.pausedUntil
    )
    switch reservation {
    case .tooEarly(let wait):
      return .nothing(wait: Self.wait(from: now, to: now + wait), due: due)
    case .slot(let slot, let nextSlot):
      return take(&job, request, slot: slot, nextSlot: nextSlot, now: now)
    }
  }

  /// A claim that was asked for before finds itself, unless the call has ended meanwhile.
  private func repeated(_ row: CallRow, _ request: ClaimRequest, now: Int64) -> Claim {
    guard row.state == .sending, row.worker == request.worker else {
      return .nothing(wait: .zero, due: nil)
    }
    return .call(
      ClaimedCall(
        call: row.call,
        slotDelay: .microseconds(min((row.sendAt ?? now) - now, Self.day)),
        answered: Timestamp(microseconds: now),
        spacing: spacing(now: now),
        leeway: .microseconds(limiter(now: now)?.leeway ?? 0),
        startsJob: !calls.values.contains {
          $0.call.job == row.call.job && $0.createdAt < row.createdAt
        }
      )
    )
  }

  private mutating func take(
    _ job: inout JobRow,
    _ request: ClaimRequest,
    slot: Int64,
    nextSlot: Int64,
    now: Int64
  ) -> Claim {
    useSurplus(&job, now: now)
    let planned = CallPlan.nextSize(
      count: job.count,
      issued: job.issued,
      outstanding: job.outstanding,
      largest: min(largestCall, account.codesLeft(now: now) ?? largestCall)
    )
    guard let size = planned else { return .nothing(wait: .zero, due: nextDue(now: now)) }
    let call = Call(
      id: request.call,
      job: job.id,
      reward: job.reward,
      prefix: job.prefix,
      size: size
    )
    calls[call.id] = CallRow(
      call: call,
      state: .sending,
      worker: request.worker,
      lengths: request.lengths,
      leaseExpiresAt: now + request.lengths.lease.microseconds,
      effectiveUntil: request.lengths.effectiveUntil(leased: now),
      sendAt: slot,
      createdAt: now
    )
    rewards[job.reward, default: RewardRow()].inFlight += 1
    let startsJob = job.state == .queued
    job.state = .running
    job.outstanding += size
    job.startedAt = job.startedAt ?? now
    account.newJobLast = job.isNew
    let position = job.room > 0 ? nextTurn(of: job, isNew: false) : nil
    let turn = Turn(priority: job.priority, isNew: job.isNew)
    served[turn] = max(served[turn] ?? 0, job.queuePosition ?? 0)
    job.isNew = false
    job.queuePosition = position
    job.nextCallAt = job.room > 0 ? job.nextCallAt : nil
    jobs[job.id] = job
    account.inFlight += 1
    account.nextSlot = nextSlot
    account.count(size, claimedAt: now)
    return .call(
      ClaimedCall(
        call: call,
        slotDelay: .microseconds(slot - now),
        answered: Timestamp(microseconds: now),
        spacing: spacing(now: now),
        leeway: .microseconds(limiter(now: now)?.leeway ?? 0),
        startsJob: startsJob
      )
    )
  }

  /// Gives an open job its own surplus, before it asks for more: `codemint.use_surplus`.
  private mutating func useSurplus(_ job: inout JobRow, now: Int64) {
    let before = job.surplus
    takeSurplus(&job)
    guard job.surplus < before else { return }
    conclude(&job, failure: nil, now: now)
    place(&job, pause: 0, now: now)
    jobs[job.id] = job
  }

  /// Counts surplus of a job for the job, as far as it has room: `codemint.take_surplus`.
  mutating func takeSurplus(_ job: inout JobRow) {
    let own = codes.filter { [job] _, row in
      row.job == job.id && row.isSurplus && row.call != nil && mayBe(row.code, of: job)
    }
    for code in own.keys.sorted().prefix(job.room) {
      codes[code]?.isSurplus = false
      job.issued += 1
      job.surplus -= 1
    }
  }

  /// Whether a surplus code can be one that the job asked for: `codemint.may_be_of`.
  private func mayBe(_ code: IssuedCode, of job: JobRow) -> Bool {
    guard let prefix = job.prefix, !code.hasPrefix(prefix) else { return true }
    let facts = prefixFacts(job.reward, prefix)
    return facts.isAltered && !facts.isLiteral
  }

  private func spacing(now: Int64) -> Duration {
    .microseconds(limiter(now: now)?.spacing ?? 0)
  }

  /// A day in microseconds: nobody is told to wait longer.
  static let day: Int64 = 86_400_000_000

  /// How long to wait for a moment; nothing if it has passed.
  static func wait(from now: Int64, to moment: Int64) -> Duration {
    .microseconds(max(0, min(moment - now, day)))
  }
}

extension CallLengths {
  /// The last moment at which a call can take effect whose lease begins now.
  func effectiveUntil(leased now: Int64) -> Int64 {
    now + lease.microseconds + effectiveFor.microseconds
  }
}

/// How many codes the next call asks for: the reference for `codemint.insert_call`.
public enum CallPlan {
  /// The size of a job's next call, or nil if it needs none.
  ///
  /// Room is what is neither issued nor asked for already, so the sum of all calls can never pass
  /// the job's count, whatever their outcomes (`issued + outstanding <= count`).
  public static func nextSize(
    count: Int,
    issued: Int,
    outstanding: Int,
    largest: Int = Bounds.callSize.upperBound
  ) -> Int? {
    precondition(issued >= 0 && outstanding >= 0 && issued + outstanding <= count)
    let room = count - issued - outstanding
    return room == 0 ? nil : min(room, largest)
  }
}
