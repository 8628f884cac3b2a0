internal import Foundation
import Ledger

/// Live progress of some jobs: bars that redraw themselves on a terminal, and elsewhere a plain
/// line whenever a job has got further by a tenth or changed its state.
struct ProgressBoard {
  private let output: FileDescriptor
  private let isLive: Bool
  private var drawnLines = 0
  private var told: [Int64: String] = [:]
  private var sync: [Int64: JobSync] = [:]

  /// A terminal that says that it is dumb knows no movement of the cursor, and is written to like a
  /// file.
  init(
    _ output: FileDescriptor,
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    self.output = output
    isLive = output.isTerminal && environment["TERM"] != "dumb"
  }

  /// Shows where the jobs stand now.
  /// - Parameter sync: How far their codes are in other systems; nil if that was not looked at.
  mutating func show(_ jobs: [JobStatus], sync: [Int64: JobSync]? = nil) {
    if let sync { self.sync = sync }
    if isLive { draw(jobs) } else { tell(jobs) }
  }

  private mutating func draw(_ jobs: [JobStatus]) {
    var text = drawnLines > 0 ? "\u{1B}[\(drawnLines)A" : ""
    // What has scrolled off the screen cannot be drawn again.
    let jobs = jobs.suffix(max(1, output.height - 1))
    for job in jobs { text += "\u{1B}[2K" + bar(job) + "\n" }
    // A board that has got shorter leaves nothing of its longer self.
    for _ in jobs.count..<max(jobs.count, drawnLines) { text += "\u{1B}[2K\n" }
    output.write(text)
    drawnLines = max(jobs.count, drawnLines)
  }

  private mutating func tell(_ jobs: [JobStatus]) {
    for job in jobs {
      let tenth = job.issued * 10 / job.count
      let mark = "\(job.state) \(tenth)"
      guard told.updateValue(mark, forKey: job.id) != mark else { continue }
      output.line(
        "job \(job.id): \(job.state), \(job.issued) of \(job.count) codes" + tail(job)
      )
    }
  }

  private func bar(_ job: JobStatus) -> String {
    let head = "job \(job.id)".padded(8)
    let count = "\(job.issued)/\(job.count)".padded(16)
    let width = max(10, min(40, output.width - 60))
    let filled = job.issued * width / job.count
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    let line = "\(head) \(bar) \(count) \(job.state)\(tail(job))"
    return String(line.prefix(output.width - 1))
  }

  private func tail(_ job: JobStatus) -> String {
    var text = ""
    if job.inDoubt > 0 { text += ", \(job.inDoubt) call(s) in doubt" }
    if job.paused { text += ", paused" }
    if job.held { text += ", held" }
    if let code = job.errorCode { text += " (\(code))" }
    if job.state == "running", let left = job.timeLeft { text += ", \(left) left" }
    if let words = sync[job.id]?.words, !words.isEmpty { text += ", sync: \(words)" }
    return text
  }
}

extension String {
  /// Filled up with blanks on the right.
  func padded(_ width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}
