import Glibc

/// What the system says of this process, under the names that every Prometheus client uses.
struct ProcessMetrics {
  static func write(to text: inout ExpositionText) {
    var spent = timespec()
    if clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent) == 0 {
      text.single(cpu, Double(spent.tv_sec) + Double(spent.tv_nsec) / 1e9)
    }
    if let pages = FileReading.text("/proc/self/statm")?.split(separator: " "), pages.count > 1,
      let resident = Double(pages[1])
    {
      text.single(memory, resident * Double(sysconf(Int32(_SC_PAGESIZE))))
    }
    if let start = startTime() { text.single(started, start) }
  }

  /// Seconds since the epoch, from the boot time and the process's age in clock ticks (proc(5)).
  private static func startTime() -> Double? {
    // The name, in parentheses, may hold blanks.
    guard let stat = FileReading.text("/proc/self/stat"),
      let fields = stat.split(separator: ")").last?.split(separator: " "), fields.count > 19,
      let ticks = Double(fields[19]),
      let boot = FileReading.text("/proc/stat")?.split(separator: "\n")
        .first(where: { $0.hasPrefix("btime ") })?.split(separator: " ").last.flatMap({ Double($0) }
        )
    else { return nil }
    return boot + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
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
