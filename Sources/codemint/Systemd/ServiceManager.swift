// Systemd: reports the daemon's state to the service manager, without libsystemd.
//
// systemd describes itself in the environment of a service with `Type=notify`. `ServiceManager` reads
// that once and sends `ServiceMessage`s. A message is one datagram to the socket that `NOTIFY_SOCKET`
// names. Without systemd there is no such socket, and nothing is sent.
// Sources: sd_notify(3) for messages and addresses, sd_watchdog_enabled(3) for `WATCHDOG_USEC` and
// `WATCHDOG_PID`, systemd.service(5) for the effects.

import Glibc
import Provisioning

/// The service manager that started this process, if any.
struct ServiceManager: Sendable {
  /// The time after which the service manager ends this process if it does not get `alive`; nil if
  /// there is no watchdog. `alive` is due at least twice in this time (sd_watchdog_enabled(3)).
  let watchdog: Duration?
  private let socket: String?

  /// Reads the service manager's variables.
  ///
  /// - Parameter process: This process. The watchdog of another process is ignored.
  init(environment: [String: String], process: Int32 = getpid()) {
    socket = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
    watchdog = Self.watchdog(environment, process)
  }

  /// Sends messages in one datagram. Does nothing if there is no service manager. Returns after at most
  /// one second; at once with `alive`, which the dispatcher sends, and sends again soon.
  ///
  /// - Throws: `ServiceManagerError` if the datagram could not be sent.
  func tell(_ messages: ServiceMessage...) throws(ServiceManagerError) {
    guard let socket else { return }
    let text = messages.map(\.line).joined(separator: "\n")
    try NotifySocket.send(text, to: socket, waits: !messages.contains(.alive))
  }

  private static func watchdog(_ environment: [String: String], _ process: Int32) -> Duration? {
    guard let limit = environment["WATCHDOG_USEC"].flatMap(Int64.init), limit > 0 else {
      return nil
    }
    if let watched = environment["WATCHDOG_PID"], Int32(watched) != process { return nil }
    return .microseconds(limit)
  }
}

/// A message to the service manager. Source: sd_notify(3).
enum ServiceMessage: Sendable, Equatable {
  /// The daemon has started. Units that wait for it may start.
  case ready
  /// The daemon has begun to stop.
  case stopping
  /// The daemon makes progress. Due within `ServiceManager.watchdog`.
  case alive
  /// A line that `systemctl status` shows to people.
  case status(String)
  /// From now on, starting or stopping may take this long, even beyond the unit's time limit.
  case extendTimeout(Duration)

  /// The assignment in the datagram.
  var line: String {
    switch self {
    case .ready: "READY=1"
    case .stopping: "STOPPING=1"
    case .alive: "WATCHDOG=1"
    // A line break would begin another assignment.
    case .status(let text):
      "STATUS=" + String(text.map { $0.isNewline || $0 == "\0" ? " " : $0 })
    case .extendTimeout(let duration): "EXTEND_TIMEOUT_USEC=\(max(0, duration.microseconds))"
    }
  }
}
