public import Provisioning

extension MemoryLedger {
  /// Deletes a batch of old calls: `codemint.prune_calls`.
  public mutating func pruneCalls(olderThan age: Duration, atMost limit: Int, now: Int64)
    -> PrunedCalls
  {
    let before = now - max(age.microseconds, Self.day)
    let mark = prunedUntil.map { ($0.finishedAt, $0.job) } ?? (.min, JobID(0))
    let ended = jobs.values.compactMap { job in
      job.finishedAt.map { (finishedAt: $0, job: job.id) }
    }
    let old = ended.filter { $0.finishedAt < before && ($0.finishedAt, $0.job) > mark }
      .sorted { ($0.finishedAt, $0.job) < ($1.finishedAt, $1.job) }
    var number = 0
    for (finishedAt, job) in old.prefix(limit) {
      let forgettable = calls.filter { $0.value.call.job == job && mayForget($0.value, before) }
      // Which of them go first does not matter.
      for id in forgettable.keys.sorted().prefix(limit - number) {
        calls[id] = nil
        number += 1
      }
      if number >= limit { break }
      prunedUntil = PrunedMark(finishedAt: finishedAt, job: job)
    }
    hasForgotten = hasForgotten || number > 0
    return PrunedCalls(number: number, isLast: old.count < limit && number < limit)
  }

  /// Removes a job that has ended, its calls, and of its codes all but the ids: `codemint.purge_job`.
  /// - Returns: False if the job has not ended, or codes of its reward may yet turn up.
  public mutating func purge(_ id: JobID) -> Bool {
    guard let job = jobs[id], job.state.isTerminal, !job.held,
      rewards[job.reward]?.closedAt == nil, watches[job.reward]?.nextListingAt == nil
    else { return false }
    for (code, row) in codes where row.job == id { codes[code] = row.purged }
    for row in calls.values where row.call.job == id {
      answers[row.call.id] = nil
      calls[row.call.id] = nil
    }
    jobs[id] = nil
    return true
  }

  /// Whether nobody needs a call any more: `codemint.may_forget`.
  private func mayForget(_ row: CallRow, _ before: Int64) -> Bool {
    let id = row.call.id
    let isProven =
      switch row.state {
      case .issued, .rejected, .unsent: true
      case .sending, .inDoubt, .adopted, .absent: false
      }
    return isProven && !row.isShort && row.settledAt ?? .max < before && answers[id] == nil
      && watches[row.call.reward]?.call != id
      && !unattributed.values.contains { $0.call == id } && !rawCodes.values.contains(id)
  }
}

extension CodeRow {
  /// What a purge leaves of it.
  fileprivate var purged: CodeRow {
    let bare = IssuedCode(
      id: code.id,
      reward: code.reward,
      code: "",
      status: "purged",
      createdAt: nil,
      expiresAt: nil,
      updatedAt: nil,
      externalIDs: Array("{}".utf8),
      syncStatus: .none
    )
    var row = CodeRow(code: bare, job: nil, call: nil, isSurplus: false)
    row.isFromAnswer = isFromAnswer
    row.storedAt = storedAt
    return row
  }
}
