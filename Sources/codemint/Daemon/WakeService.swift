import Logging
import Postgres
import ServiceLifecycle
import Worker

/// Wakes the worker when NOTIFY says that there is work. The worker polls besides, so a listener
/// that is lost costs time and nothing else.
struct WakeService: Service {
  let listener: Listener
  let worker: Worker
  let logger: Logger

  func run() async {
    for await event in listener.cancelOnGracefulShutdown() {
      switch event {
      case .listening:
        logger.debug("listening for wakes")
        worker.wake()
      case .notification(let notification) where notification.channel == "codemint_limits":
        worker.tend()
      case .notification:
        worker.wake()
      case .lost(let error):
        logger.notice("not woken for now, polling", metadata: ["error": "\(error)"])
      }
    }
  }
}
