internal import NIOCore

/// A request's body as a stream of one part that passes a gate.
///
/// The client asks for the part after the connection stands and the head was written. Throwing
/// here leaves a head without a body, and the client closes the connection.
struct GatedBody: AsyncSequence, Sendable {
  /// The gate did not open.
  struct Refused: Error {}

  let bytes: ByteBuffer
  let gate: BodyGate

  func makeAsyncIterator() -> Iterator {
    Iterator(bytes: bytes, gate: gate)
  }

  struct Iterator: AsyncIteratorProtocol {
    fileprivate let bytes: ByteBuffer
    fileprivate let gate: BodyGate
    private var isDone = false

    fileprivate init(bytes: ByteBuffer, gate: BodyGate) {
      self.bytes = bytes
      self.gate = gate
    }

    /// The whole body, then nil. Nothing in here suspends: between the gate's answer and the
    /// hand-over no time passes in which a lease could run out.
    mutating func next() async throws -> ByteBuffer? {
      if isDone { return nil }
      guard gate.open() else { throw Refused() }
      isDone = true
      return bytes
    }
  }
}
