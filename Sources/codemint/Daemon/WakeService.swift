import Logging
import Postgres
import ServiceLifecycle
import Worker

/// Wakes the worker when NOTIFY says that there is work. The worker polls besides, so a listener
/// that is lost costs time and nothing else.
struct WakeService: Service {
  let listener: Listener
  /// Which setting says where it listens.
  let setting: Setting
  let worker: Worker
  let logger: Logger

  /// A service that listens there, and proves with a connection of the pool that what is told
  /// elsewhere is heard.
  init(
    _ listening: ConnectionSettings,
    from setting: Setting,
    pool: Pool,
    worker: Worker,
    logger: Logger
  ) {
    listener = Listener(
      listening,
      channels: ["codemint_jobs", "codemint_limits"],
      notifier: { (channel) throws(PostgresError) in
        _ = try await pool.query(Self.call, [.text(channel)], deadline: .seconds(5))
      }
    )
    self.setting = setting
    self.worker = worker
    self.logger = logger
  }

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
        logger.notice(
          "not woken for now, polling",
          metadata: ["error": "\(error)\(advice(on: error))", "setting": "\(setting.rawValue)"]
        )
      }
    }
  }

  private static let call: Statement = "SELECT pg_notify($1, '')"

  /// What a person may do about it.
  private func advice(on error: PostgresError) -> String {
    guard error.code == .notificationsLost else { return "" }
    return setting == .databaseURL
      ? "; a pooler in transaction mode does not pass them on: give the server's own address in "
        + Setting.databaseListenURL.rawValue
      : "; it leads to another database than \(Setting.databaseURL.rawValue), or through a pooler in "
        + "transaction mode"
  }
}
