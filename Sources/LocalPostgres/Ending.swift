import Foundation
import Synchronization

/// The end of a child process: reaped by a thread, asked for by anybody.
final class Ending: Sendable {
  private struct State {
    var status: Int32?
    var waiting: [CheckedContinuation<Int32, Never>] = []
  }

  private let state = Mutex(State())

  /// Begins to wait for `process`, a child of this one.
  init(of process: pid_t) {
    Thread.detachNewThread { [self] in
      var raw: Int32 = 0
      while waitpid(process, &raw, 0) == -1, errno == EINTR {}
      let signal = raw & 0x7f
      finish(signal == 0 ? (raw >> 8) & 0xff : 128 + signal)
    }
  }

  private func finish(_ status: Int32) {
    let waiting = state.withLock { state in
      state.status = status
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume(returning: status) }
  }

  /// The exit status as a shell counts it, 128 and more being a signal; nil while it runs.
  var status: Int32? { state.withLock { $0.status } }

  /// Waits for the end.
  func wait() async -> Int32 {
    await withCheckedContinuation { continuation in
      let status = state.withLock { state -> Int32? in
        if state.status == nil { state.waiting.append(continuation) }
        return state.status
      }
      if let status { continuation.resume(returning: status) }
    }
  }
}
