import Foundation

/// The CPU and memory of a process so far, from `/proc`.
struct ProcessUse: Sendable {
  /// CPU seconds, user and system.
  var cpu = 0.0
  /// The greatest resident memory, in bytes.
  var peak = 0
  /// The present resident memory, in bytes.
  var resident = 0
  /// The part of `resident` that is not backed by a file, in bytes.
  var anonymous = 0

  /// Nil if the process has ended.
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

  /// The CPU seconds of this process.
  static var own: Double { fields(getpid()).map { seconds($0[11...12]) } ?? 0 }

  /// The CPU seconds of a process and all its children, including those that have ended.
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

  /// The fields of `stat` after the name, which may contain anything. At least 15, or nil.
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

/// Percentiles of measured values.
struct Shares: Encodable, Sendable {
  let p50: Double
  let p95: Double
  let p99: Double
  let most: Double
  let count: Int

  /// Nil if there are no values.
  init?(_ values: [Double]) {
    let sorted = values.sorted()
    guard let last = sorted.last else { return nil }
    func share(_ part: Double) -> Double {
      sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))]
    }
    (p50, p95, p99, most, count) = (share(0.5), share(0.95), share(0.99), last, sorted.count)
  }
}

/// The machine on which a bench ran.
struct Machine: Encodable, Sendable {
  let processor: String
  let cores: Int
  let system: String

  init() {
    let file = FileManager.default.contents(atPath: "/proc/cpuinfo") ?? Data()
    let model = String(decoding: file, as: UTF8.self).split(separator: "\n")
      .first { $0.hasPrefix("model name") }?.split(separator: ":").last
    processor = model?.trimmingCharacters(in: .whitespaces) ?? "unknown"
    cores = ProcessInfo.processInfo.activeProcessorCount
    system = ProcessInfo.processInfo.operatingSystemVersionString
  }
}
