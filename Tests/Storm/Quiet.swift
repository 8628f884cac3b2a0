import Postgres

/// The quiet after the storm: waits until everything has come to its end, and does what an operator
/// has to do for that.
struct Quiet {
  /// Calls that needed a person.
  private(set) var resolved = 0
  /// Codes that only the watch of rewards brought to light.
  private(set) var foundByWatch = 0

  private let arena: Arena

  init(_ arena: Arena) {
    self.arena = arena
  }

  /// Waits for the end.
  /// - Throws: `Broken` if it does not come in time.
  mutating func awaitEnd() async throws {
    let limit = Duration.seconds(arena.storm.patience)
    let begin = ContinuousClock.now
    while try await !isAtEnd() {
      guard ContinuousClock.now - begin < limit else {
        return await Stuck(arena).explain()
      }
      try await resolveHeld()
      try await arena.fleet.replaceEnded()
      try await Time.pass(.seconds(1))
    }
    try await hurryWatches(until: begin + limit)
  }

  private func isAtEnd() async throws -> Bool {
    try await arena.eye.number(Self.open) == 0
  }

  /// How many jobs, calls and closed rewards are not at their end.
  static let open = """
    (SELECT count(*) FROM codemint.jobs WHERE finished_at IS NULL OR held)
    + (SELECT count(*) FROM codemint.calls WHERE state IN ('sending', 'in_doubt'))
    + (SELECT count(*) FROM codemint.rewards WHERE closed_at IS NOT NULL)
    """

  /// What is held is decided as its facts suggest: what was found is adopted.
  private mutating func resolveHeld() async throws {
    let held = try await arena.eye.rows(
      "SELECT call_id::text AS call, codes_found FROM codemint.doubts WHERE held_at IS NOT NULL"
    )
    for row in held {
      let decision = try row.int64("codes_found") > 0 ? "adopt" : "absent"
      let call = try row.text("call")
      do {
        try await arena.eye.run(
          "SELECT codemint.resolve_call('\(call)', '\(decision)', 'after the storm')"
        )
        resolved += 1
      } catch let error as PostgresError where error.code == .server {
        // A late answer, or another call's resolution, was faster: the next look decides.
      }
    }
  }

  /// A reward with a call judged absent is listed again for a day; here its times come at once, until
  /// nothing is left that the ledger does not know.
  private mutating func hurryWatches(until end: ContinuousClock.Instant) async throws {
    let before = try await Judge(arena).unknown().count
    var left = before
    while left > 0, ContinuousClock.now < end, try await arena.eye.number(Self.watched) > 0 {
      try await arena.eye.run(
        """
        UPDATE codemint.reward_watches w SET next_listing_at = clock_timestamp()
        FROM codemint.rewards r
        WHERE r.reward_id = w.reward_id AND w.next_listing_at > clock_timestamp()
          AND coalesce(r.reconciler_until, '-infinity') < clock_timestamp()
        """
      )
      try await Time.pass(.seconds(3))
      left = try await Judge(arena).unknown().count
    }
    foundByWatch = before - left
  }

  private static let watched =
    "SELECT count(*) FROM codemint.reward_watches WHERE next_listing_at IS NOT NULL"
}

/// Says what does not come to its end, for a person to look into.
struct Stuck {
  private static let questions = [
    ("jobs", "SELECT * FROM codemint.jobs WHERE finished_at IS NULL OR held ORDER BY id LIMIT 20"),
    (
      "calls",
      """
      SELECT * FROM codemint.calls WHERE state IN ('sending', 'in_doubt')
      ORDER BY created_at LIMIT 20
      """
    ),
    (
      "rewards",
      """
      SELECT * FROM codemint.rewards
      WHERE closed_at IS NOT NULL OR in_flight > 0 OR paused_until > clock_timestamp() LIMIT 20
      """
    ),
    ("account", "SELECT * FROM codemint.account"),
    (
      "workers",
      """
      SELECT process, seen_at, expires_at > clock_timestamp() AS lives FROM codemint.workers
      ORDER BY seen_at DESC LIMIT 8
      """
    ),
  ]

  private let arena: Arena

  init(_ arena: Arena) {
    self.arena = arena
  }

  func explain() async {
    Console.say("this is how it stands:")
    for (subject, question) in Self.questions {
      do {
        let lines = try await arena.eye.lines(question)
        Console.say("\(subject):")
        lines.forEach { Console.say("  \($0)") }
      } catch {
        Console.say("\(subject): \(error)")
      }
    }
    Console.say("what the daemons said last:")
    await arena.fleet.lastWords.forEach { Console.say($0) }
  }
}
