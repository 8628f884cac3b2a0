import Glibc

/// A metric of Prometheus: its name, its kind and its meaning.
struct MetricFamily: Hashable, Sendable {
  /// The kind of its values (Prometheus exposition formats, text format 0.0.4).
  enum Kind: String, Sendable {
    case counter, gauge, histogram
  }

  /// The name, with its unit at the end, and `_total` if it is a counter.
  let name: String
  let kind: Kind
  /// One sentence for people.
  let help: String
}

/// Metrics in Prometheus's text format, version 0.0.4.
struct ExpositionText {
  /// The value of `Content-Type`.
  static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  /// The text so far.
  private(set) var text = ""

  /// Begins a family. Its samples have to follow at once.
  mutating func begin(_ family: MetricFamily) {
    text += "# HELP \(family.name) \(Self.escape(family.help))\n"
    text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
  }

  /// Writes one sample.
  mutating func sample(_ name: String, _ labels: [(String, String)] = [], _ value: Double) {
    text += name
    if !labels.isEmpty {
      let pairs = labels.map { "\($0.0)=\"\(Self.escapeLabel($0.1))\"" }
      text += "{" + pairs.joined(separator: ",") + "}"
    }
    text += " \(Self.number(value))\n"
  }

  /// Writes a family of one sample without labels.
  mutating func single(_ family: MetricFamily, _ value: Double) {
    begin(family)
    sample(family.name, [], value)
  }

  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
    return value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
  }

  private static func escape(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
  }

  private static func escapeLabel(_ text: String) -> String {
    escape(text).replacing("\"", with: "\\\"")
  }
}

/// Metrics of this process from the operating system, with the names that all Prometheus clients use.
enum ProcessMetrics {
  /// - Parameter start: The time at which the process started, in seconds since the epoch.
  static func write(start: Double, to text: inout ExpositionText) {
    var spent = timespec()
    if clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent) == 0 {
      text.single(cpu, Double(spent.tv_sec) + Double(spent.tv_nsec) / 1e9)
    }
    if let pages = FileReading.text("/proc/self/statm")?.split(separator: " "), pages.count > 1,
      let resident = Double(pages[1])
    {
      text.single(memory, resident * Double(sysconf(Int32(_SC_PAGESIZE))))
    }
    text.single(started, start)
  }

  private static let cpu = MetricFamily(
    name: "process_cpu_seconds_total",
    kind: .counter,
    help: "User and system CPU time spent, in seconds."
  )
  private static let memory = MetricFamily(
    name: "process_resident_memory_bytes",
    kind: .gauge,
    help: "Resident memory, in bytes."
  )
  private static let started = MetricFamily(
    name: "process_start_time_seconds",
    kind: .gauge,
    help: "When the process started, in seconds since the epoch."
  )
}
