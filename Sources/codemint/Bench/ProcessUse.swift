import Foundation

/// What a process has used so far, from `/proc`.
struct ProcessUse: Sendable {
  /// Seconds of CPU, user and system.
  var cpu = 0.0
  /// The most memory that it has had, in bytes.
  var peak = 0
  /// What it has now, in bytes.
  var resident = 0
  /// What of that is no file's, in bytes.
  var anonymous = 0

  /// Nil if the process is gone.
  init?(of process: pid_t) {
    guard let cpu = Self.fields(process).map({ Self.seconds($0[11...12]) }),
      let status = Self.text("/proc/\(process)/status")
    else { return nil }
    self.cpu = cpu
    for line in status.split(separator: "\n") {
      let parts = line.split(whereSeparator: \.isWhitespace)
      guard parts.count > 1, let kibibytes = Int(parts[1]) else { continue }
      switch parts[0] {
      case "VmHWM:": peak = kibibytes * 1024
      case "VmRSS:": resident = kibibytes * 1024
      case "RssAnon:": anonymous = kibibytes * 1024
      default: break
      }
    }
  }

  /// Seconds of CPU of this process.
  static var own: Double { fields(getpid()).map { seconds($0[11...12]) } ?? 0 }

  /// Seconds of CPU of a process and its children, those that have ended included.
  static func cpuOfFamily(_ process: pid_t) -> Double? {
    guard let fields = fields(process),
      let children = text("/proc/\(process)/task/\(process)/children")
    else { return nil }
    let alive = children.split(separator: " ").compactMap { pid_t($0) }
      .compactMap { self.fields($0) }
    return seconds(fields[11...14]) + alive.reduce(0) { $0 + seconds($1[11...12]) }
  }

  private static func seconds(_ ticks: ArraySlice<Substring>) -> Double {
    ticks.reduce(0) { $0 + (Double($1) ?? 0) } / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// The fields of `stat` behind the name, which may hold anything; enough of them to be indexed.
  private static func fields(_ process: pid_t) -> [Substring]? {
    guard let text = text("/proc/\(process)/stat"), let end = text.lastIndex(of: ")") else {
      return nil
    }
    let fields = text[text.index(after: end)...].split(separator: " ")
    return fields.count > 14 ? fields : nil
  }

  private static func text(_ path: String) -> String? {
    FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
  }
}
