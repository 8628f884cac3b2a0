import ArgumentParser
import Foundation
import Logging
import ServiceLifecycle
import UnixSignals

/// `codemint run`: the daemon.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Runs the daemon, which turns job rows into codes until it is stopped.",
    discussion: """
      SIGHUP makes it read the limits, the webhooks and the log level again. SIGTERM and SIGINT drain it: \
      it makes no new calls, settles the calls in flight, and ends with status 0 within the API's timeout \
      plus 5 seconds. If the database cannot be reached in that time, it ends with 75 and names the calls \
      that are not settled. A second signal ends it at once. A flag wins over the setting of the same \
      name; most settings have no flag.
      """
  )

  @OptionGroup var options: SettingsOptions

  @Option(help: "The API's base URL.")
  var apiBaseURL: String?

  @Option(help: "Requests per second; a fraction is allowed.")
  var requestsPerSecond: String?

  @Option(help: "Requests that may be sent at once after a quiet time.")
  var burst: String?

  @Option(help: "The most calls in flight at any moment.")
  var maxInFlight: String?

  @Option(help: "The most calls in flight for one reward.")
  var maxInFlightPerReward: String?

  @Option(
    help: "The lowest level to log: trace, debug, info, notice, warning, error or critical.",
    completion: .list(Logger.Level.allCases.map(\.rawValue))
  )
  var logLevel: String?

  @Option(
    help: "The format of log lines: auto, text, json or journal.",
    completion: .list(LogFormat.allCases.map(\.rawValue))
  )
  var logFormat: String?

  func run() async throws {
    let settings = try options.load(overrides)
    StartPages.release()
    let sink = settings.makeSink()
    let logger = Settings.logger(sink)
    defer { sink.flush() }
    let daemon = try Daemon(
      settings,
      environment: ProcessInfo.processInfo.environment,
      logger: logger
    )
    let (options, overrides) = (options, overrides)
    let reload = daemon.reload(to: sink) { try options.load(overrides) }
    var quiet = logger
    quiet.logLevel = .warning
    let configuration = ServiceGroupConfiguration(
      services: ([daemon.secondSignal, reload] + daemon.services).map {
        .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup)
      },
      gracefulShutdownSignals: [.sigterm, .sigint],
      logger: quiet
    )
    do {
      try await ServiceGroup(configuration: configuration).run()
    } catch {
      await daemon.close()
      throw error
    }
    await daemon.close()
  }

  private var overrides: [Setting: SettingSource.Override] {
    let given: [(Setting, String, String?)] = [
      (.apiBaseURL, "--api-base-url", apiBaseURL),
      (.requestsPerSecond, "--requests-per-second", requestsPerSecond),
      (.burst, "--burst", burst),
      (.maxInFlight, "--max-in-flight", maxInFlight),
      (.maxInFlightPerReward, "--max-in-flight-per-reward", maxInFlightPerReward),
      (.logLevel, "--log-level", logLevel), (.logFormat, "--log-format", logFormat),
    ]
    var overrides: [Setting: SettingSource.Override] = [:]
    for (setting, flag, text) in given {
      overrides[setting] = text.map { .init(flag: flag, text: $0) }
    }
    return overrides
  }
}
