import Foundation

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
