import Synchronization

@testable import Sandbox

/// A clock that stands still until a test moves it.
final class ManualTime: Sendable {
  private struct Sleeper {
    let wakes: UInt64
    let continuation: CheckedContinuation<Void, any Error>
  }

  private struct State {
    var elapsed: UInt64 = 0
    var sleepers: [Int: Sleeper] = [:]
    var next = 0
    var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
  }

  /// 2026-01-31T12:34:56.789Z in microseconds since 1970
  static let start: Int64 = 1_769_862_896_789_000

  private let state = Mutex(State())

  /// The clock as a sandbox takes it.
  var time: SandboxTime {
    SandboxTime(
      monotonic: { 1_000_000_000_000 + self.state.withLock { $0.elapsed } },
      wall: { Self.start + Int64(self.state.withLock { $0.elapsed } / 1000) },
      sleep: { try await self.sleep($0) }
    )
  }

  /// Moves the clock and wakes who is due.
  func advance(by duration: Duration) {
    let due = state.withLock { state -> [Sleeper] in
      state.elapsed += duration.nanoseconds
      let elapsed = state.elapsed
      let due = state.sleepers.filter { $0.value.wakes <= elapsed }
      for ticket in due.keys { state.sleepers[ticket] = nil }
      return due.values.sorted { $0.wakes < $1.wakes }
    }
    for sleeper in due { sleeper.continuation.resume() }
  }

  /// How many are asleep.
  var sleeping: Int { state.withLock { $0.sleepers.count } }

  /// Waits until this many are asleep.
  func sleepers(_ count: Int) async {
    await withCheckedContinuation { continuation in
      let there = state.withLock { state -> Bool in
        if state.sleepers.count >= count { return true }
        state.watchers.append((count, continuation))
        return false
      }
      if there { continuation.resume() }
    }
  }

  private func sleep(_ duration: Duration) async throws {
    let ticket = state.withLock { state -> Int in
      state.next += 1
      return state.next
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let watchers = state.withLock { state -> [CheckedContinuation<Void, Never>]? in
          if Task.isCancelled { return nil }
          state.sleepers[ticket] = Sleeper(
            wakes: state.elapsed + duration.nanoseconds,
            continuation: continuation
          )
          let count = state.sleepers.count
          let content = state.watchers.filter { $0.count <= count }.map(\.continuation)
          state.watchers.removeAll { $0.count <= count }
          return content
        }
        guard let watchers else { return continuation.resume(throwing: CancellationError()) }
        for watcher in watchers { watcher.resume() }
      }
    } onCancel: {
      let sleeper = state.withLock { $0.sleepers.removeValue(forKey: ticket) }
      sleeper?.continuation.resume(throwing: CancellationError())
    }
  }
}
