import ArgumentParser
import Provisioning

/// `codemint bench`: measures codemint on this machine.
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measures codemint on this machine, end to end and in parts.",
    discussion: """
      It runs the daemon as a process of its own against a private Postgres and a simulated API. With \
      --use-settings it uses the server that the settings name, in databases that it creates and drops. \
      It ends with 1 if codes were lost or a limit was not kept. docs/benchmarks.md explains the figures.
      """
  )

  @Argument(
    help: "What to measure: \(BenchSection.allCases.map(\.rawValue).joined(separator: ", "))."
  )
  var sections = BenchSection.usual

  @Option(help: "The codes of each end-to-end section, 1 to 1000000.")
  var codes = 1_000_000

  @Option(help: "The jobs among which `many` divides the codes.")
  var jobs = 2000

  @Option(help: "The rows in the table at the beginning of `grown`.")
  var rows = 10_000_000

  @Option(help: "The calls in flight in the end-to-end sections.")
  var inFlight = 4

  @Option(help: "The jobs of `wake`.")
  var wakes = 100

  @Option(help: "The most waiting jobs in `claim`.")
  var backlog = 1_000_000

  @Option(help: "The requests per second of `pace`.")
  var pace = 20

  @Option(help: "The number of daemons in `pace`; may be given several times.")
  var daemons = [1, 3]

  @Option(help: "The seconds of `pace`, for each number of daemons, and of `idle`.")
  var seconds = 30

  @Flag(
    help: "Use the server that the settings name; the login must be allowed to create databases."
  )
  var useSettings = false

  @Flag(help: "Print JSON with every sample.")
  var json = false

  @Option(help: "Draw throughput and memory over time into this SVG file.")
  var plot: String?

  @OptionGroup var options: SettingsOptions

  func validate() throws {
    guard Bounds.jobCount.contains(codes), (1...codes).contains(jobs),
      (0...1_000_000_000).contains(rows),
      (1...64).contains(inFlight), (1...100_000).contains(wakes),
      (1000...10_000_000).contains(backlog), (1...1000).contains(pace),
      daemons.allSatisfy((1...100).contains), (1...3600).contains(seconds)
    else {
      throw ValidationError(
        """
        a size is out of range: --codes takes 1 to 1000000, --jobs 1 to the number of codes, --rows 0 to \
        1000000000, --in-flight 1 to 64, --wakes 1 to 100000, --backlog 1000 to 10000000, --pace 1 to \
        1000, --daemons 1 to 100, --seconds 1 to 3600
        """
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
      for line in report.lines { try FileDescriptor.standardOutput.line(line) }
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
      fleets: daemons,
      inFlight: inFlight
    )
  }

  private func write(_ report: BenchReport, to path: String) throws {
    guard let run = report.big ?? report.many ?? report.grown else {
      throw CommandError(.usage, "only end-to-end sections can be plotted")
    }
    let title = "codemint \(report.codemint): \(run.codes) codes, \(run.jobs) job(s)"
    let file = try OutputFile(path)
    do {
      try file.write(BenchPlot(title: title, samples: run.samples).svg)
      try file.finish()
    } catch {
      file.abandon()
      throw error
    }
  }
}
