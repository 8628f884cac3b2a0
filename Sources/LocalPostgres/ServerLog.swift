import Foundation

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
