import ArgumentParser
import Foundation
import Glibc
import Ledger
import OneOfNone
import Postgres
import Provisioning
import UnixSignals

/// `codemint probe`: sees what the API is like.
struct ProbeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "probe",
    abstract: "Shows how the API differs from what codemint assumes, by asking harmless things.",
    discussion: """
      It asks about REWARD a dozen requests that make no codes, and says line by line what codemint \
      assumes, what was seen, and what that means. Its requests keep the rate limit: that of the ledger if \
      the database answers, else that of the settings. What the ledger has a place for is recorded there. \
      --codes N then also spends N codes, as jobs of the ledger that a running daemon does; it asks first \
      on a terminal, and needs --yes otherwise. If a person has to decide before such a job can go on, as \
      when its call is held, the probe says why and ends; as long as a call of such a job has no outcome, \
      another probe spends nothing. It ends with status 0 if all is as assumed, and with 1 if something \
      differs or its job needs a person. If it cannot go on it says what it knows, and ends with 69 (no \
      such reward, no daemon, or an API that an operator has to accept first), 75 (no answer, or \
      interrupted) or 77 (the key is refused).
      """
  )

  @Argument(help: "The reward's id, a UUID.")
  var reward: String

  @Option(help: "Spend so many codes, 1 to 50. They cost money and cannot be revoked.")
  var codes = 0

  @Flag(help: "Spend the codes without asking.")
  var yes = false

  @Option(
    help: """
      Also write the report to this file, without key and codes: JSON if the name ends with .json, which \
      codemint sandbox --like reads, else Markdown.
      """,
    completion: .file()
  )
  var report: String?

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: SettingsOptions

  func validate() throws {
    guard (0...50).contains(codes) else { throw ValidationError("--codes must be from 1 to 50") }
  }

  func run() async throws {
    let id = RewardID(try UniqueID(argument: reward, of: "reward"))
    let settings = try options.load()
    try confirm(settings)
    let configuration = try settings.apiConfiguration()
    let pool = try await ledger(settings)
    // Nothing throws before it is shut down again.
    let client = APIClient(configuration)
    let (found, spent) = await probe(id, client, pool, settings)
    let reading = ProbeReading(found, spent, settings: settings)
    var stop = found.stop
    do {
      if let pool { try await record(reading, APIFactQueries(pool: pool)) }
    } catch {
      Complaint.say("codemint: the facts are not in the ledger: \("\(error)".onOneLine)")
    }
    await client.shutdown()
    await pool?.close()
    let result = report(of: reading)
    try show(result)
    if stop == nil, !result.differences.isEmpty { stop = CommandError(.failed, "") }
    guard let stop else { return }
    throw stop.status == .failed ? ExitCode(stop.status.rawValue) : stop
  }

  /// Asks whether codes may be spent.
  private func confirm(_ settings: Settings) throws {
    guard codes > 0, !yes else { return }
    guard isatty(STDIN_FILENO) == 1, FileDescriptor.standardError.isTerminal else {
      throw CommandError(.usage, "--codes spends money; where nobody can be asked it needs --yes")
    }
    Complaint.say(
      "codemint: \(codes) codes of reward \(reward) will be made at \(settings.api.baseURL). They cost "
        + "money and cannot be revoked. Type yes to go on:"
    )
    guard readLine(strippingNewline: true)?.lowercased() == "yes" else {
      throw CommandError(.usage, "not confirmed; nothing was asked for")
    }
  }

  /// The ledger, if it answers. Codes are spent through it, so then it has to.
  private func ledger(_ settings: Settings) async throws -> Pool? {
    guard settings.database.url != nil || codes > 0 else { return nil }
    let pool = Pool(try settings.connectionSettings(), limit: 2)
    do throws(PostgresError) {
      _ = try await JobQueries(pool: pool).account()
      return pool
    } catch {
      await pool.close()
      let reason = JobSession.explained(error, settings)
      guard codes == 0 else { throw reason }
      Complaint.say(
        "codemint: nothing is recorded, and the rate of the settings is kept, because the ledger does not "
          + "answer: \("\(reason)".onOneLine)"
      )
      return nil
    }
  }

  private func probe(_ id: RewardID, _ client: APIClient, _ pool: Pool?, _ settings: Settings) async
    -> (Probe.Sightings, SpentCodes?)
  {
    let pace = RequestPace(pool: pool, limits: settings.limits, mayLeaveLedger: true)
    let probe = Probe(reward: id, client: client, pace: pace)
    return await Interruption.cancels {
      var found = Probe.Sightings()
      await probe.ask(Probe.Purpose.allCases, &found)
      guard codes > 0, found.stop == nil, let pool else { return (found, nil) }
      let spending = SpendingProbe(
        reward: id,
        client: client,
        pool: pool,
        pace: pace,
        patience: max(.seconds(30), settings.listingGap * 3)
      )
      var spent = SpentCodes()
      do {
        try await spending.run(codes, &spent)
      } catch is CancellationError {
        found.stop = Probe.interruption
      } catch {
        found.stop =
          error as? CommandError ?? CommandError(Failure.status(of: error), "\(error)")
      }
      if !spent.jobs.isEmpty {
        let stop = found.stop
        found.stop = nil
        await probe.ask(Probe.pages, &found)
        found.stop = stop ?? found.stop
      }
      return (found, spent)
    }
  }

  private func report(of reading: ProbeReading) -> ProbeReport {
    let url = URL(string: reading.settings.api.baseURL)
    return ProbeReport(
      at: Date.now.formatted(.iso8601),
      api: [url?.scheme, url?.host()].compactMap(\.self).joined(separator: "://"),
      reward: reward,
      codes: reading.spent?.count ?? 0,
      stopped: reading.found.stop?.description,
      lines: reading.lines,
      like: reading.like
    )
  }

  private func show(_ result: ProbeReport) throws {
    if let report {
      let file = try OutputFile(report)
      do {
        try file.write(
          report.hasSuffix(".json") ? try FileDescriptor.jsonText(result) : result.markdown
        )
        try file.finish()
      } catch {
        file.abandon()
        throw error
      }
    }
    let output = FileDescriptor.standardOutput
    if json { return try output.json(result) }
    for line in result.text { try output.line(line) }
  }

  /// Records what the ledger has a place for.
  private func record(_ reading: ProbeReading, _ facts: APIFactQueries) async throws {
    for fact in reading.facts {
      try await facts.record(fact.fact, fact.value, witnesses: fact.witnesses)
    }
    if let page = reading.found.sights[.most]?.page, page.count > 0 {
      try await facts.record(greatest: "list_page", page.count, witnesses: page.count)
      let isCut = reading.found.sights[.rest]?.page.map { $0.count > 0 } ?? false
      let asked = isCut ? 1000 : page.count
      try await facts.record(greatest: "list_asked", asked, witnesses: page.count)
    }
    if let lag = reading.spent?.lacking, lag >= .seconds(1) {
      try await facts.record(greatest: "list_lag", Int(lag.seconds), witnesses: 1)
    }
  }
}

/// Lets SIGINT and SIGTERM cancel what a command does, so that it can say what it knows. A second signal ends
/// it at once.
enum Interruption {
  static func cancels<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) async -> Value
  {
    let task = Task { await body() }
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
    let watch = Task {
      for await _ in signals {
        if task.isCancelled { Glibc.exit(ExitStatus.temporaryFailure.rawValue) }
        task.cancel()
      }
    }
    defer { watch.cancel() }
    return await task.value
  }
}
