public import Provisioning

extension MemoryLedger {
  /// Takes a closed reward whose doubt can be worked on: `codemint.take_doubt`.
  public mutating func takeDoubt(
    _ worker: WorkerID,
    lease: Duration,
    effectiveFor: Duration,
    now: Int64
  ) -> DoubtCase? {
    guard account.mayList else { return nil }
    let due = rewards.filter { $0.value.isDoubtDue(now: now) }
    let oldest = due.min { ($0.value.closedAt ?? 0, $0.key) < ($1.value.closedAt ?? 0, $1.key) }
    guard let (id, reward) = oldest else { return nil }
    rewards[id]?.reconciler = worker
    rewards[id]?.reconcilerUntil = now + lease.microseconds
    let calls = doubts(of: id).map { row in
      DoubtfulCall(
        call: row.call,
        earliest: Timestamp(microseconds: row.sendAt ?? jobs[row.call.job]?.createdAt ?? 0),
        effectiveUntil: Timestamp(
          microseconds: (row.leaseExpiresAt ?? now) + effectiveFor.microseconds
        )
      )
    }
    return DoubtCase(
      reward: id,
      calls: calls,
      keptBack: keptBack(of: id),
      newestKnown: reward.newestKnown,
      prefixIsLiteral: reward.prefixLiteral ?? false,
      offset: offset(now: now),
      now: Timestamp(microseconds: now),
      failingSince: reward.listingFailingSince.map(Timestamp.init(microseconds:))
    )
  }

  /// Extends a reconciler's lease on its reward: `codemint.keep_reward`.
  public mutating func keep(
    _ reward: RewardID,
    worker: WorkerID,
    lease: Duration,
    now: Int64
  ) -> Bool {
    guard isLeased(reward, by: worker, now: now) else { return false }
    rewards[reward]?.reconcilerUntil = now + lease.microseconds
    return true
  }

  /// Gives a reward back undecided: `codemint.leave_reward`.
  public mutating func leave(
    _ reward: RewardID,
    worker: WorkerID,
    pause: Duration,
    listingFailed: Bool,
    now: Int64
  ) {
    guard var row = rewards[reward], row.reconciler == worker else { return }
    row.giveBack()
    row.reconcileAt = now + pause.microseconds
    row.listingFailingSince = listingFailed ? row.listingFailingSince ?? now : nil
    rewards[reward] = row
  }

  /// Decides doubtful calls as a whole: `codemint.decide_doubt`.
  public mutating func decide(_ decision: DoubtDecision, worker: WorkerID, now: Int64)
    -> DecisionAnswer
  {
    let id = decision.reward
    guard isLeased(id, by: worker, now: now), rewards[id]?.inFlight == 0,
      Set(decision.judged) == Set(doubts(of: id).map(\.call.id)),
      !decision.adopted.contains(where: { $0.codes.contains { codes[$0.id] != nil } })
    else { return .changed }
    let told = signals.count
    for adoption in decision.adopted { adopt(adoption, now: now) }
    for call in decision.absent { declareAbsent(call, now: now) }
    hold(decision.held, reason: decision.holdReason, now: now)
    if let call = decision.held.first.flatMap({ calls[$0] }) {
      keep(decision.unattributed.filter { !ContentRule.refuses($0) }, of: call.call)
      keepRaw(decision.unattributed, of: call.call.id)
    }
    if decision.holdReason.map({ !$0.hasSeenAll }) ?? false {
      // What they made may be upstream and unknown: a listing that succeeds sets it aside for them.
      for call in decision.held { watch(id, because: call, reason: .heldCall, now: now) }
    }
    stallIfRaw(decision.adopted, now: now)
    if !decision.adopted.isEmpty || !decision.absent.isEmpty {
      awaitAnew(id, sentSince: decision.adopted.map(\.call.id) + decision.absent, now: now)
    }
    rewards[id]?.giveBack()
    rewards[id]?.reconcileAt = nil
    rewards[id]?.listingFailingSince = nil
    if !hasDoubt(id) { rewards[id]?.closedAt = nil }
    signals.append(.jobs)
    return .done(ended: ended(since: told))
  }

  /// Which of these codes are stored, or set aside for another call of their reward.
  public func known(_ asked: [CodeID]) -> Set<CodeID> {
    Set(
      asked.filter { id in
        if codes[id] != nil || rawCodes[id] != nil { return true }
        guard let row = unattributed[id] else { return false }
        guard let call = row.call.flatMap({ calls[$0] }) else { return true }
        return call.call.reward == row.code.reward && (call.heldAt == nil || call.hasSeenAll)
      }
    )
  }

  /// Whether this worker has the reward.
  func isLeased(_ reward: RewardID, by worker: WorkerID, now: Int64) -> Bool {
    guard let row = rewards[reward] else { return false }
    return row.reconciler == worker && row.reconcilerUntil ?? .min >= now
  }

  /// Held calls among them, unless a whole listing has shown all that they made.
  private func doubts(of reward: RewardID) -> [CallRow] {
    calls.values
      .filter { row in
        row.call.reward == reward && row.state == .inDoubt
          && (row.heldAt == nil || !row.hasSeenAll)
      }
      .sorted { ($0.createdAt, $0.call.id) < ($1.createdAt, $1.call.id) }
  }

  /// Calls whose answers may have kept codes back, each with the size that it lacks.
  private func keptBack(of reward: RewardID) -> [Call] {
    let short = calls.values
      .filter { $0.isShort && $0.call.reward == reward }
      .sorted { ($0.createdAt, $0.call.id) < ($1.createdAt, $1.call.id) }
    return short.map(\.call).compactMap { call in
      let shown = codes.values.count { $0.call == call.id }
      guard shown < call.size else { return nil }
      return Call(
        id: call.id,
        job: call.job,
        reward: reward,
        prefix: call.prefix,
        size: call.size - shown
      )
    }
  }
}

extension CallRow {
  /// Whether all that it can have made has been set aside with it: `codemint.has_seen_all`.
  var hasSeenAll: Bool {
    holdReason.flatMap(HoldReason.init)?.hasSeenAll ?? false
  }
}

extension RewardRow {
  /// Whether its doubt can be worked on now.
  func isDoubtDue(now: Int64) -> Bool {
    closedAt != nil && inFlight == 0 && isFree(now: now)
  }

  /// Whether a worker may take it.
  func isFree(now: Int64) -> Bool {
    reconcileAt ?? .min <= now && reconcilerUntil ?? .min < now
  }

  /// Nobody has it any more.
  mutating func giveBack() {
    reconciler = nil
    reconcilerUntil = nil
  }
}
