import Foundation
import Synchronization

/// What came out of a pipe, line by line, as it came.
package final class Lines: Sendable {
  /// The output ended, and what was waited for had not come.
  package struct Missing: Error, CustomStringConvertible {
    let text: String
    let lines: [String]

    package var description: String {
      "no line has \"\(text)\" in it; there are:\n\(lines.joined(separator: "\n"))"
    }
  }

  private struct Output {
    var lines: [String] = []
    var rest: [UInt8] = []
    var isEnded = false
  }

  private let output = Watched(Output())

  /// Nothing has come yet.
  package init() {}

  /// Every line so far.
  package var all: [String] { output.now.lines }

  /// How many lines so far have this text in them.
  package func count(_ text: String) -> Int { all.count { $0.contains(text) } }

  /// Waits for the line that is the `number`th with this text in it.
  /// - Throws: `Missing` if the output ends before.
  @discardableResult
  package func line(_ text: String, number: Int = 1) async throws -> String {
    try await output.first { output in
      let found = output.lines.filter { $0.contains(text) }
      if found.count >= number { return found[number - 1] }
      guard !output.isEnded else { throw Missing(text: text, lines: output.lines) }
      return nil
    }
  }

  /// Waits for the end of the output.
  /// - Returns: All lines.
  package func whole() async throws -> [String] {
    try await output.first { $0.isEnded ? $0.lines : nil }
  }

  /// Takes in one line that did not come from a pipe.
  package func add(_ line: String) {
    output.change { $0.lines.append(line) }
  }

  /// Reads a descriptor to its end on a thread of its own, and closes it.
  package func read(_ descriptor: Int32) {
    Thread.detachNewThread { [output] in
      var chunk = [UInt8](repeating: 0, count: 65_536)
      while true {
        let count = Glibc.read(descriptor, &chunk, chunk.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { break }
        let bytes = Array(chunk.prefix(count))
        output.change { output in
          output.rest += bytes
          while let end = output.rest.firstIndex(of: UInt8(ascii: "\n")) {
            output.lines.append(String(decoding: output.rest[..<end], as: UTF8.self))
            output.rest.removeSubrange(...end)
          }
        }
      }
      close(descriptor)
      output.change { output in
        if !output.rest.isEmpty {
          output.lines.append(String(decoding: output.rest, as: UTF8.self))
        }
        output.isEnded = true
      }
    }
  }
}

/// A value that changes, and whose changes can be waited for.
package final class Watched<Value: Sendable>: Sendable {
  private struct State {
    var value: Value
    /// Counts the changes, so that none is missed between a look and a wait.
    var version = 0
    var nextWaiter = 0
    var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
  }

  private let state: Mutex<State>

  package init(_ value: Value) {
    state = Mutex(State(value: value))
  }

  /// The value now.
  package var now: Value { state.withLock { $0.value } }

  /// Changes the value and lets everybody who waits look again.
  package func change(_ body: @Sendable (inout Value) -> Void) {
    let waiters = state.withLock { state in
      body(&state.value)
      state.version += 1
      defer { state.waiters = [:] }
      return state.waiters.values
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Waits until `look` finds what it looks for.
  /// - Throws: What `look` throws, or `CancellationError`.
  package func first<Found: Sendable>(_ look: @Sendable (Value) throws -> Found?) async throws
    -> Found
  {
    while true {
      let (found, version) = try state.withLock { (try look($0.value), $0.version) }
      if let found { return found }
      try Task.checkCancellation()
      await change(after: version)
    }
  }

  private func change(after version: Int) async {
    let number = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let goesOn = state.withLock { state in
          guard state.version == version, !Task.isCancelled else { return true }
          state.waiters[number] = continuation
          return false
        }
        if goesOn { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
    }
  }
}
