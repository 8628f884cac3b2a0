import Glibc

/// Pages of code that only the start has needed.
enum StartPages {
  /// Gives back the memory of all code, of the program and of its libraries. The start runs much of it once; what is
  /// needed again, the kernel maps again from its cache of files. Code is never written, so nothing is lost.
  /// (proc_pid_maps(5), madvise(2))
  static func release() {
    guard let maps = FileReading.text("/proc/self/maps") else { return }
    for map in maps.split(separator: "\n") {
      let fields = map.split(separator: " ")
      let range = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
      guard fields.count > 5, fields[1] == "r-xp", fields[5].hasPrefix("/"), range.count == 2 else {
        continue
      }
      madvise(
        UnsafeMutableRawPointer(bitPattern: range[0]),
        Int(range[1] - range[0]),
        MADV_DONTNEED
      )
    }
  }
}
