import Foundation

/// What `/proc` tells of processes, for looking at what a command has started.
enum ProcessTable {
  /// A process, and what it was started with.
  struct Entry: Sendable {
    let process: pid_t
    let arguments: [String]
  }

  /// The children of a process, their children and so on.
  static func descendants(of ancestor: pid_t) -> [Entry] {
    var parents: [pid_t: pid_t] = [:]
    for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
      guard let process = pid_t(name), let parent = parent(of: process) else { continue }
      parents[process] = parent
    }
    return parents.keys.filter { process in
      var next = parents[process]
      while let parent = next, parent != ancestor { next = parents[parent] }
      return next == ancestor
    }.map { Entry(process: $0, arguments: arguments(of: $0)) }
  }

  /// Whether a process is there, and not merely waiting to be reaped.
  static func isAlive(_ process: pid_t) -> Bool {
    guard let fields = fields(of: process) else { return false }
    return fields.first != "Z"
  }

  private static func parent(of process: pid_t) -> pid_t? {
    fields(of: process).flatMap { $0.count > 1 ? pid_t($0[1]) : nil }
  }

  /// The fields of `stat` behind the name, which is in parentheses and may hold anything.
  private static func fields(of process: pid_t) -> [Substring]? {
    guard let content = FileManager.default.contents(atPath: "/proc/\(process)/stat") else {
      return nil
    }
    let text = String(decoding: content, as: UTF8.self)
    guard let end = text.lastIndex(of: ")") else { return nil }
    return text[text.index(after: end)...].split(separator: " ")
  }

  private static func arguments(of process: pid_t) -> [String] {
    let content = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
    return content.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
  }
}
