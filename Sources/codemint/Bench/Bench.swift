import ArgumentParser

/// The sections of a bench, in the order in which they run.
enum BenchSection: String, CaseIterable, ExpressibleByArgument {
  /// One large job, end to end, compared with one COPY of the same rows.
  case big
  /// Many small jobs with the same number of codes in all.
  case many
  /// The large job again, in a table that already has many rows.
  case grown
  /// The time from an INSERT to the request, with LISTEN and by polling.
  case wake
  /// The time of a claim among few and among many waiting jobs.
  case claim
  /// How a fleet keeps and uses its rate limit.
  case pace
  /// What an idle daemon uses.
  case idle

  /// All sections except `grown`, which needs minutes and gigabytes.
  static let usual = allCases.filter { $0 != .grown }
}

/// The sections to run, and their sizes.
struct BenchPlan: Sendable {
  var sections = BenchSection.usual
  /// The codes of each end-to-end section.
  var codes = 1_000_000
  /// The jobs among which `many` divides the codes.
  var jobs = 2000
  /// The rows in the table at the beginning of `grown`.
  var rows = 10_000_000
  /// The jobs of `wake`, one after the other.
  var wakes = 100
  /// The most waiting jobs in `claim`.
  var backlog = 1_000_000
  /// The seconds of `pace`, for each fleet, and of `idle`.
  var seconds = 30
  /// The requests per second of `pace`.
  var pace = 20
  /// The sizes of the fleets of `pace`.
  var fleets = [1, 3]
  /// The calls in flight in the end-to-end sections.
  var inFlight = 4
}

/// Runs the sections of a plan one after the other and collects their figures.
struct Bench: Sendable {
  let plan: BenchPlan
  let server: BenchServer
  /// The output for progress messages.
  let progress: FileDescriptor

  func run() async throws -> BenchReport {
    var report = BenchReport(
      codemint: Version.current,
      postgres: try await server.version(),
      machine: Machine()
    )
    for section in BenchSection.allCases where plan.sections.contains(section) {
      try progress.line("measuring: \(section.rawValue) ...")
      switch section {
      case .big: report.big = try await big(rows: 0)
      case .many: report.many = try await many()
      case .grown: report.grown = try await big(rows: plan.rows)
      case .wake: report.wake = try await WakeRun(server: server, wakes: plan.wakes).run()
      case .claim: report.claim = try await ClaimRun(server: server, backlog: plan.backlog).run()
      case .pace: report.pace = try await pace()
      case .idle: report.idle = try await IdleRun(server: server, seconds: plan.seconds).run()
      }
    }
    return report
  }

  private func big(rows: Int) async throws -> EndToEndRun.Figures {
    try await EndToEndRun(
      server: server,
      inFlight: plan.inFlight,
      jobs: [plan.codes],
      rows: rows,
      copies: rows == 0
    ).run()
  }

  private func many() async throws -> EndToEndRun.Figures {
    let (share, rest) = plan.codes.quotientAndRemainder(dividingBy: plan.jobs)
    let jobs = (0..<plan.jobs).map { share + ($0 < rest ? 1 : 0) }
    return try await EndToEndRun(
      server: server,
      inFlight: plan.inFlight,
      jobs: jobs,
      copies: true
    ).run()
  }

  private func pace() async throws -> [PaceRun.Figures] {
    var figures: [PaceRun.Figures] = []
    for daemons in plan.fleets {
      figures.append(
        try await PaceRun(
          server: server,
          pace: plan.pace,
          seconds: plan.seconds,
          daemons: daemons
        ).run()
      )
    }
    return figures
  }
}
