import Foundation
import Glibc
import Synchronization

/// Takes log lines to a file descriptor, or to the journal, on a thread of its own. Whoever logs never
/// waits: a terminal that is stopped, a pipe that nobody reads and a journal that hangs would otherwise
/// stop calls, leases and signals.
///
/// The queue is bounded. A line that has no room is dropped and counted, and so is one that could not be
/// written. When lines can be written again, one line says how many are missing.
final class LogQueue: Sendable {
  /// One entry as bytes.
  struct Record: Sendable {
    /// Its fields for the journal; nil to write a line in any case.
    let datagram: String?
    /// The line, with its end.
    let line: [UInt8]

    var size: Int { line.count + (datagram?.utf8.count ?? 0) }
  }

  private struct State {
    var records: [Record] = []
    var size = 0
    /// Lines that had no room since the thread last looked.
    var dropped = 0
    var isStarted = false
    var isWriting = false
    var isClosed = false
    /// Who waits until everything is written.
    var waiters: [DispatchSemaphore] = []
  }

  /// The bytes of lines that may wait, unless a test says otherwise.
  static let standardLimit = 1 << 20

  private let state = Mutex(State())
  private let news = DispatchSemaphore(value: 0)
  private let limit: Int
  private let descriptor: Int32
  private let journal: String?
  private let notice: @Sendable (Int) -> Record

  /// - Parameters:
  ///   - limit: The bytes that may wait. A longer line is taken if it is the only one.
  ///   - journal: The journal's socket; nil to write lines only.
  ///   - notice: Says that so many lines are missing.
  init(
    limit: Int,
    descriptor: Int32,
    journal: String?,
    notice: @escaping @Sendable (Int) -> Record
  ) {
    self.limit = limit
    self.descriptor = descriptor
    self.journal = journal
    self.notice = notice
  }

  /// Lines that this process has not written, for the metrics.
  static var droppedLines: Int { allDropped.load(ordering: .relaxed) }
  private static let allDropped = Atomic(0)

  /// Queues one record, or drops it. Never waits.
  func add(_ record: Record) {
    let (isAdded, isFirst) = state.withLock { state in
      guard !state.isClosed, state.size == 0 || state.size + record.size <= limit else {
        state.dropped += 1
        return (false, false)
      }
      state.records.append(record)
      state.size += record.size
      defer { state.isStarted = true }
      return (true, !state.isStarted)
    }
    guard isAdded else { return _ = Self.allDropped.add(1, ordering: .relaxed) }
    if isFirst { Thread.detachNewThread { [self] in run() } }
    news.signal()
  }

  /// Waits until everything that was queued is written, for so long at most.
  func flush(within patience: DispatchTimeInterval) {
    let done = DispatchSemaphore(value: 0)
    let mustWait = state.withLock { state in
      guard state.isWriting || !state.records.isEmpty else { return false }
      state.waiters.append(done)
      return true
    }
    if mustWait { _ = done.wait(timeout: .now() + patience) }
  }

  /// Ends the thread when everything is written. Nothing may be added any more.
  func close() {
    state.withLock { $0.isClosed = true }
    news.signal()
  }

  // MARK: On the thread

  private func run() {
    var output = Output(descriptor: descriptor)
    var missing = 0
    while true {
      news.wait()
      let (batch, dropped, isLast) = take()
      for record in batch where !deliver(record, &output) {
        missing += 1
        Self.allDropped.add(1, ordering: .relaxed)
      }
      missing += dropped
      if missing > 0, deliver(notice(missing), &output) { missing = 0 }
      finishBatch()
      if isLast { return }
    }
  }

  private func take() -> (batch: [Record], dropped: Int, isLast: Bool) {
    state.withLock { state in
      defer {
        state.records = []
        (state.size, state.dropped, state.isWriting) = (0, 0, true)
      }
      return (state.records, state.dropped, state.isClosed)
    }
  }

  private func finishBatch() {
    let waiters = state.withLock { state in
      state.isWriting = false
      guard state.records.isEmpty else { return [DispatchSemaphore]() }
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.signal() }
  }

  /// Writes one record: to the journal as fields, else as a line, which has the priority but no fields.
  /// The journal takes no entry that is too long for a datagram.
  private func deliver(_ record: Record, _ output: inout Output) -> Bool {
    if let journal, let datagram = record.datagram,
      (try? NotifySocket.send(datagram, to: journal)) != nil
    {
      return true
    }
    return output.write(record.line)
  }

  /// Where lines go.
  private struct Output {
    let descriptor: Int32
    /// Whether the last line was cut off, so that the next one has to begin a new line.
    private var isCut = false

    init(descriptor: Int32) {
      self.descriptor = descriptor
    }

    /// Writes a line. False if it cannot be written: the disk is full, or the reader is gone.
    mutating func write(_ line: [UInt8]) -> Bool {
      let line = isCut ? [UInt8(ascii: "\n")] + line : line
      var written = 0
      while written < line.count {
        let count = line.withUnsafeBytes {
          Glibc.write(descriptor, $0.baseAddress.map { $0 + written }, line.count - written)
        }
        if count >= 0 {
          written += count
        } else if errno == EAGAIN {
          // Another process that shares the terminal or pipe made it non-blocking.
          var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          poll(&ready, 1, -1)
        } else if errno != EINTR {
          isCut = isCut || written > 0
          return false
        }
      }
      isCut = false
      return true
    }
  }
}
