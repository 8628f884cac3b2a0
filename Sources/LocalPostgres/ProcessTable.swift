package import Foundation

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
