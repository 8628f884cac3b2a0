import Foundation
import Ledger

/// Live progress of jobs. A terminal shows bars that are redrawn. Other outputs get a line when a job
/// has progressed by a tenth or has changed its state.
struct ProgressBoard {
  private let output: FileDescriptor
  private let isLive: Bool
  private let palette: Palette
  private var drawnLines = 0
  private var told: [Int64: String] = [:]
  private var sync: [Int64: JobSync] = [:]

  /// A board on this output. A terminal with TERM=dumb cannot move the cursor, so it gets lines.
  init(
    _ output: FileDescriptor,
    hasNoColour: Bool = false,
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    self.output = output
    palette = Palette(for: output, isRefused: hasNoColour, environment: environment)
    isLive = output.isTerminal && environment["TERM"] != "dumb"
  }

  /// Shows the present state of the jobs.
  /// - Parameter sync: The sync state of their codes; nil to keep what was shown before.
  mutating func show(_ jobs: [JobStatus], sync: [Int64: JobSync]? = nil) throws(OutputError) {
    if let sync { self.sync = sync }
    if isLive { try draw(jobs) } else { try tell(jobs) }
  }

  private mutating func draw(_ jobs: [JobStatus]) throws(OutputError) {
    var text = drawnLines > 0 ? "\u{1B}[\(drawnLines)A" : ""
    // Lines that have scrolled off the screen cannot be redrawn.
    let jobs = jobs.suffix(max(1, output.height - 1))
    for job in jobs { text += "\u{1B}[2K" + bar(job) + "\n" }
    // If there are fewer jobs than before, clear the lines that are left.
    for _ in jobs.count..<max(jobs.count, drawnLines) { text += "\u{1B}[2K\n" }
    try output.write(text)
    drawnLines = max(jobs.count, drawnLines)
  }

  private mutating func tell(_ jobs: [JobStatus]) throws(OutputError) {
    for job in jobs {
      let tenth = job.issued * 10 / job.count
      let mark = "\(job.state) \(tenth)"
      guard told.updateValue(mark, forKey: job.id) != mark else { continue }
      try output.line(
        "job \(job.id): \(job.state), \(job.issued) of \(job.count) codes" + tail(job)
      )
    }
  }

  /// One line that is never wider than the terminal. What matters most comes first: a narrow terminal has no
  /// bar, and a percentage instead of the numbers.
  private func bar(_ job: JobStatus) -> String {
    let head = "job \(job.id)".padded(8)
    let count = "\(job.issued)/\(job.count)".padded(16)
    let width = min(40, output.width - 60)
    let isStuck = job.held || job.state == "failed"
    let tint = Palette.Tint(state: job.state, isStuck: isStuck)
    let filled = job.issued * max(0, width) / job.count
    let figures =
      width < 10
      ? "\(job.issued * 100 / job.count)%".padded(4)
      : String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled) + " "
        + count
    let begin = "\(head) \(figures) "
    let rest = String((job.state + tail(job)).prefix(max(0, output.width - 1 - begin.count)))
    return Escaping.plain(begin) + palette.paint(rest, tint)
  }

  private func tail(_ job: JobStatus) -> String {
    var text = ""
    if job.inDoubt > 0 { text += ", \(job.inDoubt) call(s) in doubt" }
    if job.paused { text += ", paused" }
    if job.held { text += ", held" }
    if let code = job.errorCode { text += " (\(code))" }
    if let left = job.timeLeft { text += ", \(left) left" }
    if let words = sync[job.id]?.words, !words.isEmpty { text += ", sync: \(words)" }
    return text
  }
}

extension String {
  /// The text, with blanks on the right up to this width.
  func padded(_ width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}

extension JobSync {
  /// The sync state in a few words.
  var words: String { Self.words(pending: pending, error: error, isDone: doneAt != nil) }

  /// "done", or the numbers of codes that are pending and in error. Empty while nothing is known.
  static func words(pending: Int, error: Int, isDone: Bool) -> String {
    if pending == 0, error == 0 { return isDone ? "done" : "" }
    let parts = [(pending, "pending"), (error, "error")]
    return parts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
  }
}
