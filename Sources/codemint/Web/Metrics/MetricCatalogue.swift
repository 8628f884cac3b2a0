import Ledger

/// All metrics of codemint, with their meaning.
enum MetricCatalogue {
  /// What `WorkerMeters` has counted in this process since its start.
  static let worker: [MetricFamily] = [
    MetricFamily(
      name: "codemint_calls_total",
      kind: .counter,
      help: "Generate calls of this process, by outcome; unsent means that no byte was sent."
    ),
    MetricFamily(
      name: "codemint_codes_total",
      kind: .counter,
      help: "Codes that this process recorded for jobs."
    ),
    MetricFamily(
      name: "codemint_surplus_codes_total",
      kind: .counter,
      help: "Codes that this process recorded as surplus, because their job was complete."
    ),
    MetricFamily(
      name: "codemint_jobs_finished_total",
      kind: .counter,
      help: "Jobs that ended, by last state; only one process of the fleet counts each job."
    ),
    MetricFamily(
      name: "codemint_doubts_total",
      kind: .counter,
      help: "Calls in doubt that this process decided by listing, by verdict."
    ),
    MetricFamily(
      name: "codemint_database_errors_total",
      kind: .counter,
      help: "Statements that the database refused or did not answer."
    ),
    MetricFamily(
      name: "codemint_call_duration_seconds",
      kind: .histogram,
      help: "The time from sending a generate call to the end of its answer, in seconds."
    ),
  ]

  /// What `DocumentsWatch` has counted in this process since its start.
  static let differences = MetricFamily(
    name: DocumentsWatch.metric,
    kind: .counter,
    help: "How answers differ from the API's documents, by request, kind of difference and place."
  )

  static let droppedLines = MetricFamily(
    name: "codemint_log_lines_dropped_total",
    kind: .counter,
    help: "Log lines of this process that could not be written in time, or at all."
  )
  static let build = gauge("codemint_build_info", "The version, as a label; always 1.")
  static let ledgerUp = gauge(
    "codemint_ledger_up",
    "1 if the database answered this scrape, else 0; then the gauges below are missing."
  )
  static let jobs = gauge("codemint_jobs", "Jobs of the whole fleet that have not ended, by state.")
  static let jobsHeld = gauge("codemint_jobs_held", "Jobs that wait for an operator.")
  static let jobsPaused = gauge("codemint_jobs_paused", "Jobs that an operator has paused.")
  static let codesWanted = gauge("codemint_codes_wanted", "Codes that running jobs still need.")
  static let doubts = gauge(
    "codemint_calls_in_doubt",
    "Calls with an unknown outcome: codemint is reconciling them, or an operator has to decide."
  )
  static let oldestDoubt = gauge(
    "codemint_oldest_doubt_seconds",
    "Seconds since the oldest call that codemint is reconciling became doubtful; 0 if there is none."
  )
  static let closedRewards = gauge(
    "codemint_rewards_closed",
    "Rewards for which no calls are made until a call in doubt is decided."
  )
  static let unattributed = gauge(
    "codemint_unattributed_codes",
    "Codes upstream for which it is not proven which call made them."
  )
  static let syncGivenUp = gauge(
    "codemint_sync_given_up_rewards",
    "Rewards with codes that are given up, because another system refused them or took too long."
  )
  static let contradictedFacts = gauge(
    "codemint_api_facts_contradicted",
    "Facts about the API that were contradicted within the last week; see codemint.api_facts."
  )
  static let stalled = gauge(
    "codemint_stalled_seconds",
    "Seconds since nothing is claimed although jobs could be, once that is a minute; else 0."
  )
  static let unexplained = gauge(
    "codemint_jobs_unexplained",
    "Jobs of which codemint cannot tell why they wait; at most 20 are counted."
  )
  static let unnumbered = gauge(
    "codemint_events_unnumbered_seconds",
    "Seconds since the oldest event that has no number yet; 0 if there is none."
  )
  static let unread = gauge(
    "codemint_notifications_unread_ratio",
    "How full the server's queue of notifications is, because somebody listens and does not read; from 1 on none are sent."
  )
  static let webhookBacklog = gauge(
    "codemint_webhook_backlog",
    "Events that webhooks have still to get; over 10000 for one webhook are not counted."
  )
  static let deadLetters = gauge(
    "codemint_webhook_dead_letters",
    "Events that webhooks did not take and that are not sent again by themselves."
  )
  static let webhookFailing = gauge(
    "codemint_webhook_failing_seconds",
    "Seconds since the webhook that has failed the longest took an event; 0 if none fails."
  )
  static let account = gauge(
    "codemint_account_state",
    "1 for the present state of the API account, else 0."
  )
  static let pace = gauge(
    "codemint_pace_requests_per_second",
    "The limit of the whole fleet in requests per second; 0 before the first daemon has started."
  )
  static let inFlight = gauge(
    "codemint_calls_in_flight",
    "Calls of the whole fleet that wait for an answer."
  )
  static let workers = gauge("codemint_workers", "Daemons that are alive.")

  /// Writes the gauges of the ledger; nil if the database did not answer.
  static func write(_ gauges: LedgerGauges?, to text: inout ExpositionText) {
    text.single(ledgerUp, gauges == nil ? 0 : 1)
    guard let gauges else { return }
    text.begin(jobs)
    text.sample(jobs.name, [("state", "queued")], Double(gauges.queued))
    text.sample(jobs.name, [("state", "running")], Double(gauges.running))
    text.sample(jobs.name, [("state", "ending")], Double(gauges.ending))
    text.single(jobsHeld, Double(gauges.held))
    text.single(jobsPaused, Double(gauges.paused))
    text.single(codesWanted, Double(gauges.codesWanted))
    text.begin(doubts)
    text.sample(doubts.name, [("held", "false")], Double(gauges.doubts))
    text.sample(doubts.name, [("held", "true")], Double(gauges.heldCalls))
    text.single(oldestDoubt, gauges.oldestDoubtSeconds)
    text.single(closedRewards, Double(gauges.closedRewards))
    text.single(unattributed, Double(gauges.unattributedCodes))
    text.single(syncGivenUp, Double(gauges.syncGivenUp))
    text.single(contradictedFacts, Double(gauges.contradictedFacts))
    text.single(stalled, gauges.stalledSeconds)
    text.single(unexplained, Double(gauges.unexplained))
    text.single(unnumbered, gauges.unnumberedSeconds)
    text.single(unread, gauges.unreadShare)
    text.single(webhookBacklog, Double(gauges.webhookBacklog))
    text.single(deadLetters, Double(gauges.deadLetters))
    text.single(webhookFailing, gauges.webhookFailingSeconds)
    text.begin(account)
    for state in AccountStatus.states {
      text.sample(account.name, [("state", state)], state == gauges.accountState ? 1 : 0)
    }
    text.single(pace, gauges.requestsPerSecond ?? 0)
    text.single(inFlight, Double(gauges.inFlight))
    text.single(workers, Double(gauges.workers))
  }

  private static func gauge(_ name: String, _ help: String) -> MetricFamily {
    MetricFamily(name: name, kind: .gauge, help: help)
  }
}
