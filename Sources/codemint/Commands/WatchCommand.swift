import ArgumentParser
import Ledger
import Postgres
import Synchronization

/// `codemint watch`: live progress.
struct WatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch",
    abstract: "Shows the progress of jobs while they run.",
    discussion: """
      With job numbers it ends when all these jobs have ended: with status 0 if every job is \
      completed, else with 1. Without numbers it shows open jobs and the latest finished jobs until \
      Ctrl-C. A terminal shows progress bars. A file, a pipe and a terminal with TERM=dumb get a line \
      for each tenth and each change of state. It ends when nobody reads the pipe any more. "sync" is the number of codes that other systems have \
      not taken yet, or have refused.
      """
  )

  @Argument(help: "Numbers of jobs.")
  var jobs: [Int64] = []

  @Option(help: "The most jobs to show if no numbers are given.")
  var limit = 10

  @OptionGroup var colours: ColourOptions

  @OptionGroup var options: SettingsOptions

  func validate() throws {
    guard (1...100).contains(limit) else { throw ValidationError("--limit must be from 1 to 100") }
  }

  func run() async throws {
    let settings = try options.loadDatabase()
    try await JobSession.run(settings) { queries in
      let watch = JobWatch(
        queries: queries,
        output: .standardOutput,
        hasNoColour: colours.noColor
      )
      guard !jobs.isEmpty else { return try await watch.followOpen(limit: limit) }
      let ended = try await watch.follow(jobs)
      guard ended.allSatisfy({ $0.state == "completed" }) else {
        throw ExitCode(ExitStatus.failed.rawValue)
      }
    }
  }
}

/// Shows jobs on a progress board until they have ended. Outages of the database are waited out, and said
/// once when they begin and once when they end.
final class JobWatch: Sendable {
  let queries: JobQueries
  let output: FileDescriptor
  private let hasNoColour: Bool
  /// The time between two queries.
  private let interval: Duration = .milliseconds(500)
  private let isAway = Mutex(false)

  init(queries: JobQueries, output: FileDescriptor, hasNoColour: Bool = false) {
    self.queries = queries
    self.output = output
    self.hasNoColour = hasNoColour
  }

  /// Shows these jobs until all have ended, or until waiting on is of no use, and returns their last states.
  /// - Throws: `LedgerError` that names a job that does not exist, or the database's error.
  @discardableResult
  func follow(
    _ jobs: [Int64],
    isUseless: () async throws -> Bool = { false }
  ) async throws -> [JobStatus] {
    var board = ProgressBoard(output, hasNoColour: hasNoColour)
    var round = 0
    while true {
      if let found = try await ifReachable({ try await queries.status(of: jobs) }) {
        let isLast = found.allSatisfy(\.isFinished)
        try board.show(
          found,
          sync: try await sync(of: found, isDue: isLast || round % Self.rarely == 0)
        )
        if isLast { return found }
        if try await ifReachable(isUseless) == true { return found }
      }
      round += 1
      try output.checkReader()
      try await Task.sleep(for: interval)
    }
  }

  /// Shows open jobs, and jobs that end meanwhile, for ever.
  func followOpen(limit: Int) async throws {
    var board = ProgressBoard(output, hasNoColour: hasNoColour)
    var round = 0
    while true {
      if let found = try await ifReachable({ try await queries.recent(limit: limit) }) {
        try board.show(
          found.reversed(),
          sync: try await sync(of: found, isDue: round % Self.rarely == 0)
        )
      }
      round += 1
      try output.checkReader()
      try await Task.sleep(for: interval)
    }
  }

  /// The sync state of the jobs' codes. It is queried less often than the rest because the database
  /// counts codes for it. Nil if it is not due, or if the database does not answer.
  private func sync(of jobs: [JobStatus], isDue: Bool) async throws -> [Int64: JobSync]? {
    guard isDue else { return nil }
    return try await ifReachable { try await queries.sync(of: jobs.map(\.id)) }
  }

  /// Every how many queries the sync state is due.
  private static let rarely = 6

  /// The answer, or nil if the database does not answer at the moment.
  private func ifReachable<Found>(_ ask: () async throws -> Found) async throws -> Found? {
    do {
      let found = try await ask()
      if change(isAway: false) { Complaint.say("codemint: the database answers again") }
      return found
    } catch let error as PostgresError
      where error.isConnectionLost && error.loginRefusal?.mayPass != false
    {
      if change(isAway: true) {
        Complaint.say("codemint: waiting for the database: \("\(error)".onOneLine)")
      }
      return nil
    }
  }

  /// Whether it was otherwise before.
  private func change(isAway now: Bool) -> Bool {
    isAway.withLock { before in
      defer { before = now }
      return before != now
    }
  }
}
