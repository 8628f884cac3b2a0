import LocalPostgres

/// What happens when. Each kind of event has its own dice, and is spread over the storm's length.
struct Weather {
  private let arena: Arena
  private let length: Duration

  init(_ arena: Arena) {
    self.arena = arena
    length = .seconds(arena.storm.minutes * 60)
  }

  /// Blows until everything that was asked for has happened.
  func blow(since begin: ContinuousClock.Instant) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      // These go on as long as the storm does.
      group.addTask { try await Producer(eye: arena.eye, seed: arena.seed).run() }
      group.addTask { try await report(since: begin) }
      group.addTask { try await replaceEnded() }
      group.addTask { try await suspend() }
      group.addTask { try await drain() }
      group.addTask { try await terminateBackends() }
      // These end it.
      try await withThrowingTaskGroup(of: Void.self) { storm in
        storm.addTask { try await kill() }
        storm.addTask { try await strikeDatabase() }
        storm.addTask { try await cutCables() }
        try await storm.waitForAll()
      }
      group.cancelAll()
      do {
        try await group.waitForAll()
      } catch is CancellationError {}
    }
  }

  private func kill() async throws {
    var dice = Dice(arena.seed, "kills")
    let kills = arena.storm.kills
    let pause = length / Double(max(kills, 1))
    while await arena.fleet.tally.kills < kills {
      // The fleet itself needs a moment for each.
      try await Time.pass(max(dice.pause(around: pause) - .seconds(1), .zero))
      try await arena.fleet.kill(&dice)
    }
  }

  private func suspend() async throws {
    var dice = Dice(arena.seed, "suspensions")
    while true {
      try await Time.pass(dice.pause(around: .seconds(15)))
      try await arena.fleet.suspend(&dice, for: dice.seconds(6...9))
    }
  }

  private func drain() async throws {
    var dice = Dice(arena.seed, "drains")
    while true {
      try await Time.pass(dice.pause(around: .seconds(40)))
      try await arena.fleet.drain(&dice)
    }
  }

  private func replaceEnded() async throws {
    while true {
      try await Time.pass(.seconds(1))
      try await arena.fleet.replaceEnded()
    }
  }

  private func terminateBackends() async throws {
    var dice = Dice(arena.seed, "backends")
    while true {
      try await Time.pass(dice.pause(around: .seconds(12)))
      await arena.cluster.terminateBackends()
    }
  }

  /// Hosts lose the database, or the API, or both, for shorter or longer than a lease.
  private func cutCables() async throws {
    guard let network = arena.network else { return }
    var dice = Dice(arena.seed, "cables")
    let pause = length / Double(max(arena.storm.partitions, 1))
    for _ in 0..<arena.storm.partitions {
      try await Time.pass(dice.pause(around: pause * 0.3))
      let host = Int.random(in: 1...network.hosts, using: &dice)
      let cables = [[.database], [.api], Network.Cable.allCases].randomElement(using: &dice) ?? []
      for cable in cables { try network.set(cable, of: host, isUp: false) }
      try await Time.pass(dice.pause(around: max(pause * 0.7, .seconds(5))))
      for cable in cables { try network.set(cable, of: host, isUp: true) }
    }
  }

  private enum Strike {
    case restart, promotion, diskFull, suspension
  }

  private func strikeDatabase() async throws {
    var dice = Dice(arena.seed, "database")
    let storm = arena.storm
    var strikes = Array(repeating: Strike.restart, count: storm.restarts)
    strikes += Array(repeating: .promotion, count: storm.promotions)
    strikes += Array(repeating: .diskFull, count: storm.disks == nil ? 0 : storm.diskFull)
    strikes += Array(repeating: .suspension, count: storm.restarts / 5)
    strikes.shuffle(using: &dice)
    let pause = length / Double(max(strikes.count, 1))
    for strike in strikes {
      // A strike lasts for some seconds itself.
      try await Time.pass(max(dice.pause(around: pause) - .seconds(4), .seconds(1)))
      let mode: LocalPostgres.StopMode = dice.happens(0.5) ? .immediate : .killed
      switch strike {
      case .restart:
        let stop = dice.happens(0.1) ? LocalPostgres.StopMode.fast : mode
        try await arena.cluster.restart(stop, after: dice.seconds(0...3))
      case .promotion:
        try await arena.cluster.promote(mode)
      case .diskFull:
        try await arena.cluster.fillDisk(for: dice.seconds(3...8))
      case .suspension:
        try await arena.cluster.suspend(for: dice.seconds(2...9))
      }
    }
  }

  private func report(since begin: ContinuousClock.Instant) async throws {
    while true {
      try await Time.pass(.seconds(15))
      let fleet = await arena.fleet.tally
      let cluster = await arena.cluster.tally
      let done = try await arena.eye.rows(
        """
        SELECT count(*) FILTER (WHERE finished_at IS NOT NULL) AS ended, count(*) AS jobs,
               coalesce(sum(issued), 0) AS issued,
               (SELECT count(*) FROM codemint.calls WHERE state = 'in_doubt') AS doubts
        FROM codemint.jobs
        """
      ).one()
      Console.say(
        """
        \(arena.elapsed(since: begin)) s: \(fleet.kills) kills, \(cluster.restarts) restarts, \
        \(cluster.promotions) promotions, \(try done.int64("ended")) of \(try done.int64("jobs")) \
        jobs, \(try done.int64("issued")) codes, \(try done.int64("doubts")) in doubt, \
        \(arena.sandbox.truth.generateRequests) requests
        """
      )
    }
  }
}

/// Wants codes: inserts jobs as long as the storm lasts, so that there is always enough to do.
struct Producer: Sendable {
  private static let rewards = 100
  private static let prefixes: [String?] = [nil, nil, "A-", "AB-", "SUMMER", "Ü1 ", "X"]

  let eye: Eye
  let seed: UInt64

  /// Inserts until cancelled.
  func run() async throws {
    var dice = Dice(seed, "jobs")
    var number = 0
    while true {
      let open = try await eye.number(
        "(SELECT coalesce(sum(count - issued), 0) FROM codemint.jobs WHERE finished_at IS NULL)"
      )
      if open < 60_000 {
        let rows = (0..<10).map { _ in
          number += 1
          return Self.row(number, &dice)
        }
        // The key makes it safe to repeat the statement after a lost acknowledgement.
        try await eye.run(
          """
          INSERT INTO codemint.jobs (reward_id, count, prefix, priority, dedupe_key)
          VALUES \(rows.joined(separator: ", "))
          ON CONFLICT DO NOTHING
          """
        )
      }
      try await Time.pass(.milliseconds(500))
    }
  }

  private static func row(_ number: Int, _ dice: inout Dice) -> String {
    let sizes: [ClosedRange<Int>] = [1...50, 1...50, 1...500, 400...1500, 3000...8000]
    let size = Int.random(in: sizes.randomElement(using: &dice) ?? 1...50, using: &dice)
    let reward = reward(Int.random(in: 0..<rewards, using: &dice))
    let prefix = (prefixes.randomElement(using: &dice) ?? nil).map { "'\($0)'" } ?? "NULL"
    let priority = Int.random(in: 3...6, using: &dice)
    return "('\(reward)', \(size), \(prefix), \(priority), 'storm-\(number)')"
  }

  private static func reward(_ number: Int) -> String {
    let digits = String(number)
    return "9a4e6c10-57d2-4b0f-8e21-" + String(repeating: "0", count: 12 - digits.count) + digits
  }
}
