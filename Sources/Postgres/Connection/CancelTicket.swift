internal import CLibPQ

/// Owns one `PGcancel`: what it takes to ask the server to stop the connection's statement.
///
/// Unchecked: a `PGcancel` is never changed, and `PQcancel` may be called by any thread.
@safe
final class CancelTicket: @unchecked Sendable {
  private let pointer: OpaquePointer

  init(owning pointer: OpaquePointer) {
    unsafe self.pointer = unsafe pointer
  }

  deinit {
    unsafe PQfreeCancel(pointer)
  }

  /// Asks on a thread of its own. `PQcancel` opens a connection and waits for the server to close
  /// it, which a stopped server never does, so nobody may wait for this.
  func requestInBackground() {
    // Without a thread the request is not made; the shutdown that follows frees the caller anyway.
    _ = Threads.start { [self] in
      // What PQcancel says on failure changes nothing here either.
      unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
        _ = unsafe PQcancel(pointer, buffer.baseAddress, Int32(buffer.count))
      }
    }
  }
}
