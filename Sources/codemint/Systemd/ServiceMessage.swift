import Provisioning

/// What can be told to the service manager. Source: sd_notify(3).
enum ServiceMessage: Sendable, Equatable {
  /// The daemon is up: units that wait for it may start.
  case ready
  /// The daemon has begun to stop.
  case stopping
  /// The daemon makes progress; due within `ServiceManager.watchdog`.
  case alive
  /// A line for people, which `systemctl status` shows.
  case status(String)
  /// Starting or stopping takes this much longer from now on, beyond the unit's own time limit.
  case extendTimeout(Duration)

  /// The assignment that the datagram carries.
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
