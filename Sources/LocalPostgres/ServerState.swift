package import Foundation

/// What the server writes about itself into `postmaster.pid`.
struct PostmasterFile {
  let process: pid_t
  let isReady: Bool

  /// Nil if there is no such file, or not all of it yet.
  init?(data: String) {
    guard let content = FileManager.default.contents(atPath: "\(data)/postmaster.pid") else {
      return nil
    }
    let lines = String(decoding: content, as: UTF8.self).split(
      separator: "\n",
      omittingEmptySubsequences: false
    )
    guard let first = lines.first, let process = pid_t(first) else { return nil }
    self.process = process
    // The eighth line is the state (`miscadmin.h`, LOCK_FILE_LINE_PM_STATUS).
    // A standby never becomes ready, but "standby": then it answers questions.
    isReady = lines.count > 7 && ["ready", "standby"].contains { lines[7].hasPrefix($0) }
  }
}

/// The server's log file.
struct ServerLog: Sendable {
  let path: String

  /// Its last lines, to explain a failure with.
  func tail(lines: Int = 15) -> String {
    guard let data = FileManager.default.contents(atPath: path) else { return "(no log)" }
    let all = String(decoding: data, as: UTF8.self).split(separator: "\n")
    return all.suffix(lines).joined(separator: "\n")
  }
}

/// Waiting for what gives no signal, such as a file that another program writes.
enum Patience {
  /// Looks every 10 ms.
  /// - Returns: False if the time was over first. A cancelled task looks once more and gives up.
  static func wait(_ time: Duration, until isTrue: () -> Bool) async -> Bool {
    let end = ContinuousClock.now + time
    while !isTrue() {
      guard ContinuousClock.now < end, !Task.isCancelled else { return isTrue() }
      try? await Task.sleep(for: .milliseconds(10))
    }
    return true
  }
}

/// What `/proc` tells of processes.
package enum ProcessTable {
  /// Every process there is.
  package static var all: [pid_t] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { pid_t($0) }
  }

  /// The children of a process.
  static func children(of parent: pid_t) -> [pid_t] {
    all.filter { self.parent(of: $0) == parent }
  }

  /// Whether a process is there, and not merely waiting to be reaped.
  package static func isAlive(_ process: pid_t) -> Bool {
    fields(of: process).map { $0.first != "Z" } ?? false
  }

  /// The process that started it, or that has taken it in since; nil if it is gone.
  package static func parent(of process: pid_t) -> pid_t? {
    fields(of: process).flatMap { $0.count > 1 ? pid_t($0[1]) : nil }
  }

  /// The fields of `stat` behind the name.
  private static func fields(of process: pid_t) -> [Substring]? {
    guard let content = FileManager.default.contents(atPath: "/proc/\(process)/stat") else {
      return nil
    }
    // The name, second of the fields, is in parentheses and may hold anything, also parentheses.
    let text = String(decoding: content, as: UTF8.self)
    guard let end = text.lastIndex(of: ")") else { return nil }
    return text[text.index(after: end)...].split(separator: " ")
  }
}
