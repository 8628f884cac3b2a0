import Logging
import ServiceLifecycle
import UnixSignals
import Worker

/// Reads the settings again on SIGHUP, and takes over limits and log level. A file that is wrong is
/// refused, and what was set before stays.
struct ReloadService: Service {
  let worker: Worker
  let logger: Logger
  let sink: LogSink
  let load: @Sendable () throws -> Settings

  func run() async {
    let signals = await UnixSignalsSequence(trapping: .sighup)
    logger.debug("SIGHUP reads limits and log level")
    for await _ in signals.cancelOnGracefulShutdown() { reload() }
  }

  private func reload() {
    do {
      let settings = try load()
      sink.level = settings.log.level
      worker.setLimits(settings.limits)
      let limits = settings.limits
      logger.notice(
        "limits and log level read again",
        metadata: [
          "requests_per_second": "\(Setting.plain(limits.requestsPerSecond))",
          "burst": "\(limits.burst)", "max_in_flight": "\(limits.maxInFlight)",
          "max_in_flight_per_reward": "\(limits.maxInFlightPerReward)",
          "log_level": "\(settings.log.level)",
        ]
      )
    } catch {
      logger.error(
        "the settings are refused; those from before stay",
        metadata: ["error": "\(error)"]
      )
    }
  }
}
