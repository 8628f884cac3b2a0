import ArgumentParser
import Provisioning

/// `codemint bench`: how fast it is, here.
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measures codemint on this machine, end to end and in parts.",
    discussion: """
      Runs the daemon as a process of its own against a private Postgres and a stand-in for the API, \
      or with --use-settings against the server that the settings name, in databases that it makes \
      and drops. Ends with 1 if codes were lost or a limit was not kept. docs/benchmarks.md explains \
      the figures.
      """
  )

  @Argument(
    help: "What to measure: \(BenchSection.allCases.map(\.rawValue).joined(separator: ", "))."
  )
  var sections = BenchSection.usual

  @Option(help: "Codes of each end-to-end section, 1 to 1000000.")
  var codes = 1_000_000

  @Option(help: "Jobs among which the codes of `many` are divided.")
  var jobs = 2000

  @Option(help: "Rows that `grown` begins with.")
  var rows = 10_000_000

  @Option(help: "Calls in flight, end to end.")
  var inFlight = 4

  @Option(help: "Jobs of `wake`.")
  var wakes = 100

  @Option(help: "The most jobs that wait in `claim`.")
  var backlog = 1_000_000

  @Option(help: "Requests per second of `pace`.")
  var pace = 20

  @Option(help: "Seconds of `pace`, for each fleet, and of `idle`.")
  var seconds = 30

  @Flag(
    help: "Use the server that the settings name; the login must be allowed to create databases."
  )
  var useSettings = false

  @Flag(help: "Print JSON, with every sample.")
  var json = false

  @Option(help: "Write throughput and memory over time to this SVG file.")
  var plot: String?

  @OptionGroup var options: SettingsOptions

  func validate() throws {
    guard Bounds.jobCount.contains(codes), (1...codes).contains(jobs),
      (0...1_000_000_000).contains(rows),
      (1...64).contains(inFlight), (1...100_000).contains(wakes),
      (1000...10_000_000).contains(backlog), (1...1000).contains(pace), (1...3600).contains(seconds)
    else {
      throw ValidationError(
        "a size is out of range: at least 1 (1000 for --backlog), and no more than makes sense"
      )
    }
  }

  func run() async throws {
    let server =
      if useSettings {
        BenchServer.given(try options.load().database.url?.value ?? "")
      } else {
        try await BenchServer.start()
      }
    let report: BenchReport
    do {
      report = try await Bench(plan: plan, server: server, progress: .standardError).run()
    } catch {
      await server.close()
      throw error
    }
    await server.close()
    if let plot { try write(report, to: plot) }
    if json {
      try FileDescriptor.standardOutput.json(report)
    } else {
      for line in report.lines { FileDescriptor.standardOutput.line(line) }
    }
    if !report.isRight { throw ExitCode(ExitStatus.failed.rawValue) }
  }

  private var plan: BenchPlan {
    BenchPlan(
      sections: sections,
      codes: codes,
      jobs: jobs,
      rows: rows,
      wakes: wakes,
      backlog: backlog,
      seconds: seconds,
      pace: pace,
      inFlight: inFlight
    )
  }

  private func write(_ report: BenchReport, to path: String) throws {
    guard let run = report.big ?? report.many ?? report.grown else {
      throw CommandError(.usage, "only end-to-end sections can be plotted")
    }
    let title = "codemint \(report.codemint): \(run.codes) codes, \(run.jobs) job(s)"
    let file = try OutputFile(path)
    do throws(CommandError) {
      try file.write(BenchPlot(title: title, samples: run.samples).svg)
      try file.finish()
    } catch {
      file.abandon()
      throw error
    }
  }
}
