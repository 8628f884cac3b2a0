import Logging
import Postgres
import ServiceLifecycle
import Worker

/// Wakes the worker when a notification says that there is work, and the deliverer when there are events. What wakes
/// the worker may have caused an event, so the housekeeper is woken too. All of them also poll, so a lost connection
/// costs only time.
struct WakeService: Service {
  let listener: Listener
  /// The setting that names the address of `listener`.
  let setting: Setting
  let worker: Worker
  let deliverer: Deliverer
  let housekeeper: Housekeeper
  let logger: Logger

  private static let events = "codemint_events"

  /// A service that listens at `listening`. It checks with a connection of `pool` that notifications
  /// arrive.
  init(
    _ listening: ConnectionSettings,
    from setting: Setting,
    pool: Pool,
    worker: Worker,
    deliverer: Deliverer,
    housekeeper: Housekeeper,
    logger: Logger
  ) {
    listener = Listener(
      listening,
      channels: ["codemint_jobs", "codemint_control", Self.events],
      onlyLatest: true,
      notifier: { (channel) throws(PostgresError) in
        _ = try await pool.query(Self.call, [.text(channel)], deadline: .seconds(5))
      }
    )
    self.setting = setting
    self.worker = worker
    self.deliverer = deliverer
    self.housekeeper = housekeeper
    self.logger = logger
  }

  func run() async {
    var isLost = false
    for await event in listener.cancelOnGracefulShutdown() {
      switch event {
      case .listening:
        if isLost { logger.notice("woken again") }
        isLost = false
        logger.debug("listening for wakes")
        worker.wake()
        deliverer.wake()
      case .notification(let notification) where notification.channel == "codemint_control":
        worker.heartbeat()
        housekeeper.wake()
      case .notification(let notification) where notification.channel == Self.events:
        deliverer.wake()
      case .notification:
        worker.wake()
        housekeeper.wake()
      case .lost(let error):
        isLost = true
        logger.notice(
          "not woken for now, polling",
          metadata: ["error": "\(error)\(advice(on: error))", "setting": "\(setting.rawValue)"]
        )
      }
    }
  }

  private static let call: Statement = "SELECT pg_notify($1, '')"

  /// What a person can do about it, to append to the error.
  private func advice(on error: PostgresError) -> String {
    guard error.code == .notificationsLost else { return "" }
    return setting == .databaseURL
      ? "; a pooler in transaction mode does not pass notifications on: set "
        + "\(Setting.databaseListenURL.rawValue) to the server's own address"
      : "; it leads to another database than \(Setting.databaseURL.rawValue), or through a pooler in "
        + "transaction mode"
  }
}
