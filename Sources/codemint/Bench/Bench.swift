/// Runs the sections of a plan one after the other and collects what they found.
struct Bench: Sendable {
  let plan: BenchPlan
  let server: BenchServer
  /// Where it is said what is going on.
  let progress: FileDescriptor

  func run() async throws -> BenchReport {
    var report = BenchReport(
      codemint: Version.current,
      postgres: try await server.version(),
      machine: Machine()
    )
    for section in BenchSection.allCases where plan.sections.contains(section) {
      progress.line("measuring: \(section.rawValue) ...")
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
    for daemons in [1, 3] {
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
