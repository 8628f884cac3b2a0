import Logging
import ServiceLifecycle
import UnixSignals
import Worker

/// Reads the settings again on SIGHUP and applies limits, webhooks and the log level. If a setting is wrong,
/// everything stays as it was.
struct ReloadService: Service {
  let worker: Worker
  let deliverer: Deliverer
  let logger: Logger
  let sink: LogSink
  let load: @Sendable () throws -> Settings

  func run() async {
    let signals = await UnixSignalsSequence(trapping: .sighup)
    logger.debug("SIGHUP reads limits, webhooks and log level")
    for await _ in signals.cancelOnGracefulShutdown() { reload() }
  }

  private func reload() {
    do {
      let settings = try load()
      let senders = try settings.webhookSenders()
      settings.warnOfUnusedSecrets(logger)
      sink.level = settings.log.level
      worker.setLimits(settings.limits)
      deliverer.deliver(to: senders, rules: settings.webhooks.rules)
      let limits = settings.limits
      logger.notice(
        "limits, webhooks and log level read again",
        metadata: [
          "requests_per_second": "\(Setting.plain(limits.requestsPerSecond))",
          "burst": "\(limits.burst)", "max_in_flight": "\(limits.maxInFlight)",
          "max_in_flight_per_reward": "\(limits.maxInFlightPerReward)",
          "webhooks": "\(senders.map(\.entry.name).joined(separator: " "))",
          "log_level": "\(settings.log.level)",
        ]
      )
    } catch {
      logger.error(
        "the settings are refused; the previous ones stay in force",
        metadata: ["error": "\(error)"]
      )
    }
  }
}

/// Ends the process at once when a second SIGTERM or SIGINT comes. The first signal drains.
///
/// It must be the first service of its group. A group stops its services from the last to the first,
/// and this service has to watch until the drain has ended.
struct SecondSignalService: Service {
  let worker: Worker
  let logger: Logger

  func run() async {
    var count = 0
    let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
    for await _ in signals.cancelOnGracefulShutdown() {
      count += 1
      if count == 2 { WorkerService.giveUp(worker, logger: logger, because: "second signal") }
    }
  }
}
