// Systemd: telling the service manager how the daemon is, without libsystemd.
//
// `ServiceManager` is found once, from the environment that systemd gives a service of
// `Type=notify`, and `ServiceMessage` is what can be told. A message is one datagram to the socket
// that `NOTIFY_SOCKET` names. Not under systemd there is no such socket and nothing is sent.
// Sources: sd_notify(3) for the messages and the forms of the address, sd_watchdog_enabled(3) for
// `WATCHDOG_USEC` and `WATCHDOG_PID`, systemd.service(5) for what the manager makes of it.

internal import Glibc

/// The service manager that started this process, if any.
struct ServiceManager: Sendable {
  /// How long the service manager waits for a sign of life before it ends this process; nil if it
  /// does not watch. `alive` is due at least twice as often (sd_watchdog_enabled(3)).
  let watchdog: Duration?
  private let socket: String?

  /// Reads what the service manager said in the environment.
  ///
  /// - Parameter process: This process; the watchdog of another one is not for us.
  init(environment: [String: String], process: Int32 = getpid()) {
    socket = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
    watchdog = Self.watchdog(environment, process)
  }

  /// Whether anybody is there to be told.
  var isPresent: Bool { socket != nil }

  /// Tells the service manager something; several messages arrive together. Does nothing if there
  /// is none. Returns at once, or after at most a second if the manager does not read.
  ///
  /// - Throws: `ServiceManagerError` if the message could not be handed over.
  func tell(_ messages: ServiceMessage...) throws(ServiceManagerError) {
    guard let socket else { return }
    let text = messages.map(\.line).joined(separator: "\n")
    try NotifySocket.send(text, to: socket)
  }

  private static func watchdog(_ environment: [String: String], _ process: Int32) -> Duration? {
    guard let limit = environment["WATCHDOG_USEC"].flatMap(Int64.init), limit > 0 else {
      return nil
    }
    if let watched = environment["WATCHDOG_PID"], Int32(watched) != process { return nil }
    return .microseconds(limit)
  }
}
