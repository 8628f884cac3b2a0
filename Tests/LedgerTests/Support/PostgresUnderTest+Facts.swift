import MemoryStore
import Postgres
import Provisioning
import Testing

extension PostgresUnderTest {
  func facts(withCodes: Bool) async throws -> LedgerFacts {
    let wrong = try await bystander.query(Self.wrongHeads)
    #expect(wrong.isEmpty, "a line's heads are not those that refresh_line would find")
    return try await bystander.facts(withCodes: withCodes)
  }

  /// Jobs in a line of which neither their reward's heads nor an arrival know, and heads of lines
  /// in which nobody stands.
  private static let wrongHeads: Statement = """
    SELECT
    FROM (SELECT DISTINCT ON (j.reward_id) j.reward_id, j.priority,
                 CASE WHEN j.turn = 0 THEN j.next_call_at END AS due,
                 CASE WHEN j.turn = 0 THEN j.id END AS job
          FROM codemint.jobs j WHERE j.turn IS NOT NULL
          ORDER BY j.reward_id, j.priority, j.turn, j.next_call_at, j.id) f
    FULL JOIN codemint.rewards r ON r.reward_id = f.reward_id
    WHERE ((r.line_priority, r.newcomer_due, r.newcomer_job) IS DISTINCT FROM
           (f.priority, f.due, f.job)
           OR r.round_turn IS DISTINCT FROM
              (SELECT min(j.turn) FROM codemint.jobs j
               WHERE j.reward_id = f.reward_id AND j.priority = f.priority AND j.turn > 0))
      AND NOT EXISTS (SELECT FROM codemint.arrivals a
                      WHERE a.reward_id = coalesce(f.reward_id, r.reward_id))
    """
}

extension Connection {
  /// Every row of the ledger in this connection's database.
  nonisolated func facts(withCodes: Bool = true) async throws -> LedgerFacts {
    var facts = LedgerFacts()
    for row in try await query("SELECT * FROM codemint.jobs") {
      let job = try JobRow(row)
      facts.jobs[job.id] = job
    }
    for row in try await query("SELECT * FROM codemint.calls") {
      let call = try CallRow(row)
      facts.calls[call.call.id] = call
    }
    for row in try await query("SELECT * FROM codemint.codes WHERE $1", [.bool(withCodes)]) {
      let code = try CodeRow(row)
      facts.codes[code.code.id] = code
    }
    for row in try await query(Self.rewards) {
      facts.rewards[RewardID(UniqueID(bits: try row.uuid("reward_id")))] = try RewardRow(row)
    }
    for row in try await query("SELECT * FROM codemint.workers") {
      facts.workers[WorkerID(UniqueID(bits: try row.uuid("id")))] = WorkerRow(
        limits: try row.limits(),
        isDraining: try row.bool("draining"),
        expiresAt: try row.timestamptz("expires_at")
      )
    }
    for row in try await query("SELECT id, call_id FROM codemint.strays") {
      let id = CodeID(UniqueID(bits: try row.uuid("id")))
      facts.strays[id] = CallID(UniqueID(bits: try row.uuid("call_id")))
    }
    for row in try await query("SELECT id, call_id FROM codemint.raw_codes") {
      let id = CodeID(UniqueID(bits: try row.uuid("id")))
      facts.rawCodes[id] = CallID(UniqueID(bits: try row.uuid("call_id")))
    }
    for row in try await query("SELECT call_id, body FROM codemint.answers") {
      facts.answers[CallID(UniqueID(bits: try row.uuid("call_id")))] = try row.bytea("body")
    }
    try await addFollows(to: &facts)
    facts.account = try AccountRow(await query("SELECT * FROM codemint.accounts").one())
    return facts
  }
}

extension Connection {
  private static let rewards: Statement = """
    SELECT *, newest_known[1] AS known_first, newest_known[2] AS known_last FROM codemint.rewards
    """
}

extension JobRow {
  fileprivate init(_ row: Row) throws {
    self.init(
      id: JobID(try row.int64("id")),
      reward: RewardID(UniqueID(bits: try row.uuid("reward_id"))),
      count: try row.integer("count"),
      prefix: try row.optionalText("prefix"),
      priority: try row.integer("priority"),
      runAt: try row.timestamptz("run_at"),
      createdAt: try row.timestamptz("created_at")
    )
    state = try row.state("state")
    paused = try row.bool("paused")
    held = try row.bool("held")
    issued = try row.integer("issued")
    outstanding = try row.integer("outstanding")
    surplus = try row.integer("surplus")
    errorCode = try row.optionalText("error_code")
    errorMessage = try row.optionalText("error_message")
    nextCallAt = try row.optionalTimestamptz("next_call_at")
    startedAt = try row.optionalTimestamptz("started_at")
    finishedAt = try row.optionalTimestamptz("finished_at")
    endsAs = try row.optionalText("ends_as").flatMap(JobState.init)
    stalls = try row.integer("stalls")
    turn = try row.optionalInt64("turn")
    syncDoneAt = try row.optionalTimestamptz("sync_done_at")
  }
}

extension CallRow {
  fileprivate init(_ row: Row) throws {
    self.init(
      call: Call(
        id: CallID(UniqueID(bits: try row.uuid("id"))),
        job: JobID(try row.int64("job_id")),
        reward: RewardID(UniqueID(bits: try row.uuid("reward_id"))),
        prefix: try row.optionalText("prefix"),
        size: try row.integer("size")
      ),
      state: try row.state("state"),
      worker: WorkerID(UniqueID(bits: try row.uuid("worker"))),
      leaseExpiresAt: try row.optionalTimestamptz("lease_expires_at"),
      sendAt: try row.optionalTimestamptz("send_at"),
      createdAt: try row.timestamptz("created_at")
    )
    httpStatus = try row.optionalInteger("http_status")
    errorCode = try row.optionalText("error_code")
    errorMessage = try row.optionalText("error_message")
    received = try row.optionalInteger("received")
    durationMilliseconds = try row.optionalInteger("duration_ms").map(Int64.init)
    settledAt = try row.optionalTimestamptz("settled_at")
    heldAt = try row.optionalTimestamptz("held_at")
    holdReason = try row.optionalText("hold_reason")
    isShort = try row.bool("is_short")
  }
}

extension CodeRow {
  fileprivate init(_ row: Row) throws {
    let code = IssuedCode(
      id: CodeID(UniqueID(bits: try row.uuid("id"))),
      reward: RewardID(UniqueID(bits: try row.uuid("reward_id"))),
      code: try row.text("code"),
      status: try row.text("status"),
      createdAt: try row.optionalTimestamptz("created_at").map(Timestamp.init(microseconds:)),
      expiresAt: try row.optionalTimestamptz("expires_at").map(Timestamp.init(microseconds:)),
      updatedAt: try row.optionalTimestamptz("updated_at").map(Timestamp.init(microseconds:)),
      externalIDs: Array(try row.json("external_ids").utf8),
      syncStatus: try row.state("sync_status")
    )
    self.init(
      code: code,
      job: try row.optionalInt64("job_id").map(JobID.init),
      call: try row.optionalUuid("call_id").map { CallID(UniqueID(bits: $0)) },
      isSurplus: try row.bool("surplus")
    )
    storedAt = try row.timestamptz("stored_at")
    syncedAt = try row.optionalTimestamptz("synced_at")
  }
}

extension RewardRow {
  fileprivate init(_ row: Row) throws {
    self.init()
    closedAt = try row.optionalTimestamptz("closed_at")
    inFlight = try row.integer("in_flight")
    failures = try row.integer("failures")
    failingSince = try row.optionalTimestamptz("failing_since")
    pausedUntil = try row.optionalTimestamptz("paused_until")
    errorCode = try row.optionalText("error_code")
    errorMessage = try row.optionalText("error_message")
    reconciler = try row.optionalUuid("reconciler").map { WorkerID(UniqueID(bits: $0)) }
    reconcilerUntil = try row.optionalTimestamptz("reconciler_until")
    reconcileAt = try row.optionalTimestamptz("reconcile_at")
    listingFailingSince = try row.optionalTimestamptz("listing_failing_since")
    newestKnown = try ["known_first", "known_last"].compactMap { column in
      try row.optionalUuid(.name(column)).map { CodeID(UniqueID(bits: $0)) }
    }
    prefixLiteral = try row.optionalBool("prefix_literal")
    watchCall = try row.optionalUuid("watch_call").map { CallID(UniqueID(bits: $0)) }
    watchStep = try row.integer("watch_step")
    watchAt = try row.optionalTimestamptz("watch_at")
    watchedSince = try row.optionalTimestamptz("watched_since")
    watchFailures = try row.integer("watch_failures")
    watchFailingSince = try row.optionalTimestamptz("watch_failing_since")
    watchError = try row.optionalText("watch_error")
    watchEnded = try row.optionalText("watch_ended")
  }
}

extension AccountRow {
  fileprivate init(_ row: Row) throws {
    self.init()
    limits = try row.isNull("requests_per_second") ? nil : try row.limits()
    inFlight = try row.integer("in_flight")
    let slot = try row.timestamptz("next_slot_at")
    nextSlot = slot == .min ? nil : slot
    let sync = try row.timestamptz("sync_slot_at")
    syncSlot = sync == .min ? nil : sync
    set = SetLimits(
      requestsPerSecond: try row.optionalDouble("set_requests_per_second"),
      burst: try row.optionalInteger("set_burst"),
      maxInFlight: try row.optionalInteger("set_max_in_flight"),
      maxInFlightPerReward: try row.optionalInteger("set_max_in_flight_per_reward")
    )
    pace = try row.pace()
    newcomerLast = try row.bool("newcomer_last")
    failures = try row.integer("failures")
    failedAt = try row.optionalTimestamptz("failed_at")
    provenAt = try row.optionalTimestamptz("proven_at")
    breaker = try row.optionalText("breaker").flatMap(Breaker.init)
    pausedUntil = try row.optionalTimestamptz("paused_until")
    pauseReason = try row.optionalText("pause_reason").flatMap(PauseReason.init)
    blockedAt = try row.optionalTimestamptz("blocked_at")
    blockedCode = try row.optionalText("blocked_code")
    blockedMessage = try row.optionalText("blocked_message")
    probeAt = try row.optionalTimestamptz("probe_at")
    offsetLow = try row.optionalInt64("offset_low_us")
    offsetHigh = try row.optionalInt64("offset_high_us")
    offsetMeasuredAt = try row.optionalTimestamptz("offset_measured_at")
    offsetDistrustedUntil = try row.optionalTimestamptz("offset_distrusted_until")
    if let finishedAt = try row.optionalTimestamptz("calls_pruned_until") {
      let job = JobID(try row.int64("calls_pruned_job"))
      prunedUntil = PrunedMark(finishedAt: finishedAt, job: job)
    }
  }
}

extension Row {
  fileprivate func limits() throws -> Limits {
    Limits(
      requestsPerSecond: try double("requests_per_second"),
      burst: try integer("burst"),
      maxInFlight: try integer("max_in_flight"),
      maxInFlightPerReward: try integer("max_in_flight_per_reward")
    )
  }

  fileprivate func pace() throws -> Pace? {
    guard let rate = try optionalDouble("pace"), let at = try optionalTimestamptz("pace_at"),
      let reason = try optionalText("pace_reason").flatMap(Pace.Reason.init)
    else { return nil }
    return Pace(rate: rate, at: at, reason: reason)
  }

  fileprivate func state<State: RawRepresentable<String>>(_ column: Column) throws -> State {
    guard let state = State(rawValue: try text(column)) else { throw MissingRow("such state") }
    return state
  }
}
