import Foundation

/// On what was measured.
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
