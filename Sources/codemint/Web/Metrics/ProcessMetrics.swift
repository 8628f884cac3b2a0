import Glibc

/// What the system says of this process, under the names that every Prometheus client uses.
enum ProcessMetrics {
  /// - Parameter start: When the process started, in seconds since the epoch.
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
