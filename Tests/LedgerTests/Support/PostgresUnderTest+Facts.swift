import MemoryStore
import Postgres
import Provisioning
import Testing

extension PostgresUnderTest {
  func facts(withCodes: Bool) async throws -> LedgerFacts {
    let wrong = try await bystander.query(Self.wrongHeads)
    #expect(wrong.isEmpty, "a queue's heads are not those that refresh_queue would find")
    return try await bystander.facts(withCodes: withCodes)
  }

  /// Queued jobs of which neither their reward's heads nor a pending placement know, and heads of
  /// queues in which nobody is.
  private static let wrongHeads: Statement = """
    SELECT
    FROM (SELECT DISTINCT ON (j.reward_id) j.reward_id, j.priority,
                 CASE WHEN j.is_new THEN j.queue_position END AS position,
                 CASE WHEN j.is_new THEN j.id END AS job
          FROM codemint.jobs j WHERE j.queue_position IS NOT NULL
          ORDER BY j.reward_id, j.priority, j.is_new DESC, j.queue_position, j.id) f
    FULL JOIN codemint.rewards r ON r.reward_id = f.reward_id
    WHERE ((r.queue_priority, r.new_position, r.new_job) IS DISTINCT FROM
           (f.priority, f.position, f.job)
           OR ARRAY[r.queue_head, r.queue_job] IS DISTINCT FROM coalesce(
              (SELECT ARRAY[j.queue_position, j.id] FROM codemint.jobs j
               WHERE j.reward_id = f.reward_id AND j.priority = f.priority AND NOT j.is_new
                 AND j.queue_position IS NOT NULL
               ORDER BY j.queue_position, j.id LIMIT 1), ARRAY[NULL, NULL]::bigint[]))
      AND NOT EXISTS (SELECT FROM codemint.pending_placements p
                      WHERE p.reward_id = coalesce(f.reward_id, r.reward_id))
    """
}

extension Connection {
  /// No rule reads what listings show, so the model has only what answers show.
  private static let facts: Statement = """
    SELECT * FROM codemint.observed_facts WHERE fact IN ('prefix', 'answer_resolution')
    """

  /// Every row of the ledger in this connection's database.
  nonisolated func facts(withCodes: Bool = true) async throws -> LedgerFacts {
    var facts = LedgerFacts()
    for row in try await query("SELECT * FROM codemint.jobs") {
      let job = try JobRow(row)
      facts.jobs[job.id] = job
    }
    for row in try await query(Self.calls) {
      let call = try CallRow(row)
      facts.calls[call.call.id] = call
    }
    for row in try await query(Self.codes, [.bool(withCodes)]) {
      let code = try CodeRow(row)
      facts.codes[code.code.id] = code
    }
    for row in try await query(Self.rewards) {
      facts.rewards[RewardID(UniqueID(bits: try row.uuid("reward_id")))] = try RewardRow(row)
    }
    for row in try await query(Self.workers) {
      facts.workers[WorkerID(UniqueID(bits: try row.uuid("id")))] = WorkerRow(
        limits: try row.limits(),
        lengths: try row.lengths(),
        isDraining: try row.bool("draining"),
        expiresAt: try row.timestamptz("expires_at")
      )
    }
    for row in try await query("SELECT id, call_id FROM codemint.unattributed_codes") {
      let id = CodeID(UniqueID(bits: try row.uuid("id")))
      facts.unattributed[id] = CallID(UniqueID(bits: try row.uuid("call_id")))
    }
    for row in try await query("SELECT id, call_id FROM codemint.raw_codes") {
      let id = CodeID(UniqueID(bits: try row.uuid("id")))
      facts.rawCodes[id] = CallID(UniqueID(bits: try row.uuid("call_id")))
    }
    for row in try await query("SELECT call_id, encode(body, 'hex') AS body FROM codemint.answers")
    {
      let hex = Array(try row.text("body"))
      facts.answers[CallID(UniqueID(bits: try row.uuid("call_id")))] =
        stride(from: 0, to: hex.count, by: 2).compactMap {
          UInt8(String(hex[$0...($0 + 1)]), radix: 16)
        }
    }
    for row in try await query("SELECT * FROM codemint.reward_watches") {
      facts.watches[RewardID(UniqueID(bits: try row.uuid("reward_id")))] = try WatchRow(row)
    }
    try await addTracked(to: &facts)
    facts.account = try AccountRow(await query(Self.account).one())
    facts.apiClock = try APIClockRow(await query("SELECT * FROM codemint.api_clock").one())
    for row in try await query(Self.facts) {
      let fact = APIFact(
        try row.text("fact"),
        of: try row.text("subject"),
        try row.text("value")
      )
      facts.apiFacts[fact] = APIFactRow(
        firstSeenAt: try row.timestamptz("first_seen_at"),
        lastSeenAt: try row.timestamptz("last_seen_at"),
        witnesses: try row.integer("witnesses")
      )
    }
    let pruned = try await query("SELECT * FROM codemint.retention_progress").one()
    if let finishedAt = try pruned.optionalTimestamptz("calls_pruned_until") {
      let job = JobID(try pruned.int64("calls_pruned_job"))
      facts.prunedUntil = PrunedMark(finishedAt: finishedAt, job: job)
    }
    return facts
  }
}

extension Connection {
  private static let codes: Statement = """
    SELECT *, external_ids::text AS external FROM codemint.codes WHERE $1
    """

  /// The lengths of a worker, in microseconds.
  private static let lengths = ["lease", "api_timeout", "listing_gap"]
    .map { "(extract(epoch FROM \($0)) * 1000000)::bigint AS \($0)_us" }
    .joined(separator: ", ")
  private static let calls = Statement("SELECT *, \(lengths) FROM codemint.calls")
  private static let workers = Statement("SELECT *, \(lengths) FROM codemint.workers")

  private static let account: Statement = """
    SELECT a.*, o.requests_per_second AS set_requests_per_second, o.burst AS set_burst,
           o.max_in_flight AS set_max_in_flight,
           o.max_in_flight_per_reward AS set_max_in_flight_per_reward,
           (SELECT g.codes_per_day FROM codemint.guards g ORDER BY g.id DESC LIMIT 1) AS set_codes_per_day,
           (a.day - '1970-01-01'::date)::bigint AS day_number
    FROM codemint.account a
    LEFT JOIN (SELECT * FROM codemint.operator_limits ORDER BY id DESC LIMIT 1) o ON true
    """

  private static let rewards: Statement = """
    SELECT *, (extract(epoch FROM undecided_for) * 1000000)::bigint AS undecided_us
    FROM codemint.rewards
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
    answersWithoutProgress = try row.integer("answers_without_progress")
    isNew = try row.bool("is_new")
    queuePosition = try row.optionalInt64("queue_position")
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
      lengths: try row.lengths(),
      leaseExpiresAt: try row.optionalTimestamptz("lease_expires_at"),
      effectiveUntil: try row.timestamptz("effective_until"),
      sendAt: try row.optionalTimestamptz("send_at"),
      createdAt: try row.timestamptz("created_at")
    )
    outstanding = try row.integer("outstanding")
    httpStatus = try row.optionalInteger("http_status")
    errorCode = try row.optionalText("error_code")
    errorMessage = try row.optionalText("error_message")
    received = try row.optionalInteger("received")
    durationMilliseconds = try row.optionalInteger("duration_ms").map(Int64.init)
    settledAt = try row.optionalTimestamptz("settled_at")
    heldAt = try row.optionalTimestamptz("held_at")
    judgedAt = try row.optionalTimestamptz("judged_at")
    holdReason = try row.optionalText("hold_reason")
    heldWith = try row.optionalUuid("held_with").map { CallID(UniqueID(bits: $0)) }
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
      externalIDs: Array(try row.text("external").utf8),
      syncStatus: try row.state("sync_status")
    )
    self.init(
      code: code,
      job: try row.optionalInt64("job_id").map(JobID.init),
      call: try row.optionalUuid("call_id").map { CallID(UniqueID(bits: $0)) },
      isSurplus: try row.bool("surplus")
    )
    isFromAnswer = try row.bool("from_answer")
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
    undecidedSince = try row.optionalTimestamptz("undecided_since")
    undecidedFor = try row.int64("undecided_us")
    newestJob = try row.optionalInt64("newest_job").map(JobID.init)
    newestCall = try row.optionalUuid("newest_call").map { CallID(UniqueID(bits: $0)) }
    awaitsListing = try row.bool("awaits_listing")
  }
}

extension WatchRow {
  fileprivate init(_ row: Row) throws {
    self.init(
      reason: try row.state("reason"),
      call: try row.optionalUuid("call_id").map { CallID(UniqueID(bits: $0)) }
    )
    since = try row.optionalTimestamptz("since")
    listingsLeft = try row.integer("listings_left")
    nextListingAt = try row.optionalTimestamptz("next_listing_at")
    failures = try row.integer("failures")
    failingSince = try row.optionalTimestamptz("failing_since")
    errorMessage = try row.optionalText("error_message")
    ended = try row.optionalText("ended")
  }
}

extension APIClockRow {
  fileprivate init(_ row: Row) throws {
    self.init()
    aheadAtLeast = try row.optionalInt64("ahead_at_least_us")
    aheadAtMost = try row.optionalInt64("ahead_at_most_us")
    measuredAt = try row.optionalTimestamptz("measured_at")
    distrustedUntil = try row.optionalTimestamptz("distrusted_until")
  }
}

extension AccountRow {
  fileprivate init(_ row: Row) throws {
    self.init()
    limits = try row.optionalDouble("requests_per_second") == nil ? nil : try row.limits()
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
    newJobLast = try row.bool("new_job_last")
    failures = try row.integer("failures")
    failedAt = try row.optionalTimestamptz("failed_at")
    provenAt = try row.optionalTimestamptz("proven_at")
    provenReward = try row.optionalUuid("proven_reward").map { RewardID(UniqueID(bits: $0)) }
    breaker = try row.optionalText("breaker").flatMap(Breaker.init)
    pausedUntil = try row.optionalTimestamptz("paused_until")
    pauseReason = try row.optionalText("pause_reason").flatMap(PauseReason.init)
    blockedAt = try row.optionalTimestamptz("blocked_at")
    blockedCode = try row.optionalText("blocked_code")
    blockedMessage = try row.optionalText("blocked_message")
    probeAt = try row.optionalTimestamptz("probe_at")
    codesPerDay = try row.optionalInteger("codes_per_day")
    setCodesPerDay = try row.optionalInteger("set_codes_per_day")
    day = try row.optionalInt64("day_number")
    dayCodes = Int(try row.int64("day_codes"))
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

  fileprivate func lengths() throws -> CallLengths {
    CallLengths(
      lease: .microseconds(try int64("lease_us")),
      apiTimeout: .microseconds(try int64("api_timeout_us")),
      listingGap: .microseconds(try int64("listing_gap_us"))
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
