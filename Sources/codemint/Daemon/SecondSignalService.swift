import Logging
import ServiceLifecycle
import UnixSignals
import Worker

/// Ends the process at once when a second SIGTERM or SIGINT comes; the first one drains.
///
/// It has to be the first service of its group: a group stops its services from the last to the
/// first, and this one watches until the drain has ended.
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
