public import Provisioning

extension MemoryLedger {
  /// Takes a closed reward whose doubt can be worked on: `codemint.take_doubt`.
  public mutating func takeDoubt(_ worker: WorkerID, lease: Duration, now: Int64) -> DoubtCase? {
    guard account.mayList else { return nil }
    closeToJudgeAnew(now: now)
    let due = rewards.filter { isDoubtDue($0.key, now: now) && !locked.rewards.contains($0.key) }
    let oldest = due.min { ($0.value.closedAt ?? 0, $0.key) < ($1.value.closedAt ?? 0, $1.key) }
    guard let (id, reward) = oldest else { return nil }
    lend(id, to: worker, lease: lease, now: now)
    return DoubtCase(
      reward: id,
      calls: doubts(of: id).map { describe($0, lacks: $0.outstanding, isAnswered: $0.isShort) },
      mustShow: mustShow(of: reward),
      reference: reference(for: id),
      offset: offset(now: now),
      isClockDistrusted: isClockDistrusted(now: now),
      now: Timestamp(microseconds: now),
      undecidedFor: .microseconds(reward.undecidedFor),
      isRestored: reward.awaitsListing
    )
  }

  /// Closes each watched reward whose listing is due and judges a held call anew:
  /// `codemint.close_to_judge_anew`.
  private mutating func closeToJudgeAnew(now: Int64) {
    for (id, watch) in watches where isDue(watch, of: id, now: now) {
      if locked.rewards.contains(id) { continue }
      if judgesAnew(id, dueAt: watch.nextListingAt) { rewards[id]?.closedAt = now }
    }
  }

  /// Whether a listing that is due since then judges a held call anew: `codemint.judges_anew`.
  func judgesAnew(_ reward: RewardID, dueAt: Int64?) -> Bool {
    doubts(of: reward).contains { row in
      row.heldAt != nil && row.judgedAt.map { $0 < dueAt ?? .min } ?? false
    }
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
    counts: Duration?,
    now: Int64
  ) {
    guard rewards[reward]?.reconciler == worker else { return }
    giveBack(reward)
    guard var row = rewards[reward] else { return }
    row.reconcileAt = now + pause.microseconds
    if let counts {
      row.undecidedSince = row.undecidedSince ?? now
      row.undecidedFor += (counts + pause).microseconds
    }
    let isOnlyHeld = counts != nil && !hasDoubt(reward)
    // It was closed to judge held calls anew, and other calls do not wait for that.
    if isOnlyHeld { row.closedAt = nil }
    rewards[reward] = row
    if isOnlyHeld, let due = watches[reward]?.nextListingAt, due <= now {
      watches[reward]?.nextListingAt = now + max(pause.microseconds, Self.minute)
    }
  }

  /// Sets staged codes aside for a call that is about to be held: `codemint.set_aside_listed`.
  public mutating func setAside(
    _ codes: [CodeID],
    in listing: ListingID,
    of reward: RewardID,
    for call: CallID,
    worker: WorkerID,
    now: Int64
  ) -> Bool {
    guard isLeased(reward, by: worker, now: now) else { return false }
    let until = rewards[reward]?.reconcilerUntil ?? now
    rewards[reward]?.reconcilerUntil = max(until, now + 30_000_000)
    if staging[reward]?.listing == listing { keepForHeld(codes, of: reward, call: call) }
    return true
  }

  /// Decides doubtful calls as a whole: `codemint.decide_doubt`.
  public mutating func decide(_ decision: DoubtDecision, worker: WorkerID, now: Int64)
    -> DecisionAnswer
  {
    let id = decision.reward
    guard isLeased(id, by: worker, now: now), mayDecide(decision) else { return .changed }
    let told = signals.count
    if rewards[id]?.awaitsListing == false, !hasDoubt(id) {
      endListing(of: id, failed: decision.holdReason == .unlistable, now: now)
    }
    for adoption in decision.adopted { adopt(adoption, now: now) }
    for call in decision.absent { declareAbsent(call, now: now) }
    hold(decision.held, reason: decision.holdReason, now: now)
    keepRaw(decision, now: now)
    giveBack(id)
    rewards[id]?.reconcileAt = nil
    rewards[id]?.undecidedSince = nil
    rewards[id]?.undecidedFor = 0
    if !hasDoubt(id) { rewards[id]?.closedAt = nil }
    signals.append(.jobs)
    return .done(ended: ended(since: told))
  }

  /// Whether a reward is still as it was when it was listed and judged: `codemint.may_decide`.
  private func mayDecide(_ decision: DoubtDecision) -> Bool {
    let staged = staged(decision.listing, of: decision.reward)
    let raw = Set(decision.raw.map(\.id))
    if decision.holdReason == .unwitnessed, decision.reference == nil,
      reference(for: decision.reward) != nil
    {
      return false
    }
    return !calls.values.contains { $0.call.reward == decision.reward && $0.state == .sending }
      && Set(decision.judged) == Set(doubts(of: decision.reward).map(\.call.id))
      && decision.adopted.allSatisfy { adoption in
        adoption.codes.count <= calls[adoption.call.id]?.outstanding ?? 0
          && adoption.codes.allSatisfy { id in
            codes[id] == nil && (staged[id] != nil || raw.contains(id))
          }
      }
  }

  /// Whether this worker has the reward: `codemint.has_reward`.
  func isLeased(_ reward: RewardID, by worker: WorkerID, now: Int64) -> Bool {
    guard let row = rewards[reward] else { return false }
    return row.reconciler == worker && row.reconcilerUntil ?? .min >= now
  }

  /// Held calls among them, unless a whole listing has shown all that they made.
  private func doubts(of reward: RewardID) -> [CallRow] {
    calls.values
      .filter { $0.call.reward == reward && $0.isInDoubt }
      .sorted { ($0.createdAt, $0.call.id) < ($1.createdAt, $1.call.id) }
  }

  /// Whether its doubt can be worked on now: `codemint.is_doubt_due`.
  func isDoubtDue(_ id: RewardID, now: Int64) -> Bool {
    guard let row = rewards[id], row.closedAt != nil, row.inFlight == 0, row.isFree(now: now) else {
      return false
    }
    return !row.awaitsListing || watches[id]?.nextListingAt ?? .min <= now
  }
}

extension MemoryLedger {
  /// Gives a reward to a worker: `codemint.lend_reward`.
  mutating func lend(_ reward: RewardID, to worker: WorkerID, lease: Duration, now: Int64) {
    staging[reward] = nil
    rewards[reward]?.reconciler = worker
    rewards[reward]?.reconcilerUntil = now + lease.microseconds
  }

  /// Takes a reward back from its worker: `codemint.give_back_reward`. What was staged stays until
  /// somebody takes the reward again.
  mutating func giveBack(_ reward: RewardID) {
    rewards[reward]?.giveBack()
  }

  /// The codes of the newest clean answer.
  func mustShow(of reward: RewardRow) -> [CodeID] {
    guard let call = reward.newestCall else { return [] }
    return codes.values.filter { $0.call == call && $0.job == reward.newestJob && $0.isFromAnswer }
      .map(\.code.id).sorted()
  }

  /// The reward with the account's newest clean answer, if it is another one and has a code that can be
  /// a witness: `codemint.reference_for`.
  func reference(for reward: RewardID) -> RewardID? {
    guard let proven = account.provenReward, proven != reward else { return nil }
    let isWitness = { (row: CodeRow) in
      row.code.reward == proven && row.isFromAnswer && row.job != nil
    }
    return codes.values.contains(where: isWitness) ? proven : nil
  }

  /// Whether answers contradicted each other lately about the API's clock.
  func isClockDistrusted(now: Int64) -> Bool {
    apiClock.distrustedUntil ?? .min > now
  }

  /// A call that lacks codes, as a worker judges it: `codemint.describe_doubt`.
  func describe(_ row: CallRow, lacks: Int, isAnswered: Bool) -> DoubtfulCall {
    let others = unattributed.values.filter {
      $0.call == row.call.id && $0.code.reward == row.call.reward && $0.isFromAnswer
    }
    return DoubtfulCall(
      call: row.call,
      lacks: lacks,
      isAnswered: isAnswered,
      setAside: others.map(\.code.id).sorted(),
      earliest: Timestamp(microseconds: sentSince(row) ?? 0),
      effectiveUntil: Timestamp(microseconds: row.effectiveUntil),
      effectiveFor: isAnswered ? row.lengths.listingGap : row.lengths.effectiveFor,
      listingGap: row.lengths.listingGap
    )
  }
}

extension CallRow {
  /// Whether a whole listing judged it: `codemint.has_seen_all`.
  var hasSeenAll: Bool {
    holdReason.flatMap(HoldReason.init)?.hasSeenAll ?? false
  }

  /// Whether it takes part when its reward is judged: `codemint.is_in_doubt`.
  var isInDoubt: Bool { state == .inDoubt && (heldAt == nil || !hasSeenAll) }
}

extension RewardRow {
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
