import Foundation

/// What `/proc` tells of processes.
enum ProcessTable {
  /// The children of a process.
  static func children(of parent: pid_t) -> [pid_t] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { pid_t($0) }.filter { self.parent(of: $0) == parent }
  }

  private static func parent(of process: pid_t) -> pid_t? {
    guard let content = FileManager.default.contents(atPath: "/proc/\(process)/stat") else {
      return nil
    }
    // The name, second of the fields, is in parentheses and may hold anything, also parentheses.
    let text = String(decoding: content, as: UTF8.self)
    guard let end = text.lastIndex(of: ")") else { return nil }
    let fields = text[text.index(after: end)...].split(separator: " ")
    return fields.count > 1 ? pid_t(fields[1]) : nil
  }
}
