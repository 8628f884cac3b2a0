import Ledger

/// Every measurement of codemint's own, with what it means.
enum MetricCatalogue {
  /// What this process has counted since its start, by `WorkerMeters`.
  static let worker: [MetricFamily] = [
    MetricFamily(
      name: "codemint_calls_total",
      kind: .counter,
      help: "Generate calls of this process by how they ended; unsent ones never left."
    ),
    MetricFamily(
      name: "codemint_codes_total",
      kind: .counter,
      help: "Codes that this process recorded for jobs."
    ),
    MetricFamily(
      name: "codemint_surplus_codes_total",
      kind: .counter,
      help: "Codes that this process recorded beyond what a job had room for."
    ),
    MetricFamily(
      name: "codemint_jobs_finished_total",
      kind: .counter,
      help: "Jobs that ended, by their last state; each is counted by one process of the fleet."
    ),
    MetricFamily(
      name: "codemint_doubts_total",
      kind: .counter,
      help: "Calls in doubt that this process decided by listing, by verdict."
    ),
    MetricFamily(
      name: "codemint_database_errors_total",
      kind: .counter,
      help: "Statements that the database did not answer or refused."
    ),
    MetricFamily(
      name: "codemint_call_duration_seconds",
      kind: .histogram,
      help: "From sending a generate call to the end of its answer, in seconds."
    ),
  ]

  static let build = gauge("codemint_build_info", "The version, as a label; always 1.")
  static let ledgerUp = gauge(
    "codemint_ledger_up",
    "1 if the database answered for this scrape, else 0 and the gauges below are missing."
  )
  static let jobs = gauge("codemint_jobs", "Jobs of the whole fleet that have not ended, by state.")
  static let jobsHeld = gauge("codemint_jobs_held", "Jobs that wait for an operator.")
  static let jobsPaused = gauge("codemint_jobs_paused", "Jobs that an operator paused.")
  static let codesWanted = gauge("codemint_codes_wanted", "Codes that running jobs still want.")
  static let doubts = gauge(
    "codemint_calls_in_doubt",
    "Calls whose outcome is not known: being found out, or held for an operator."
  )
  static let oldestDoubt = gauge(
    "codemint_oldest_doubt_seconds",
    "Seconds since the oldest call that is being found out fell in doubt; 0 if there is none."
  )
  static let closedRewards = gauge(
    "codemint_rewards_closed",
    "Rewards that take no new call until a doubt is decided."
  )
  static let strays = gauge("codemint_strays", "Codes upstream whose owner is not proven.")
  static let syncGivenUp = gauge(
    "codemint_sync_given_up_rewards",
    "Rewards with codes that other systems did not take in time or refused, and that were given up."
  )
  static let account = gauge(
    "codemint_account_state",
    "1 for the state that the API account is in: open, trying, paused, failing, blocked or suspended."
  )
  static let pace = gauge(
    "codemint_pace_requests_per_second",
    "Requests per second that the fleet is limited to; 0 before a daemon has come."
  )
  static let inFlight = gauge(
    "codemint_calls_in_flight",
    "Calls of the whole fleet that wait for their answer."
  )
  static let workers = gauge("codemint_workers", "Daemons that live.")

  /// Writes how the ledger stands; nil if the database did not answer.
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
    text.single(strays, Double(gauges.strays))
    text.single(syncGivenUp, Double(gauges.syncGivenUp))
    text.begin(account)
    for state in ["open", "trying", "paused", "failing", "blocked", "suspended"] {
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
