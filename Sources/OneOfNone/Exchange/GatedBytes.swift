/// A request's body as bytes that pass a gate at the moment at which the client takes them.
///
/// The client takes the bytes on its event loop, after the connection stands and the head was
/// written, and hands them over together with the end of the body. That matters twice: nothing
/// suspends between the gate's answer and the hand-over, and the request is complete before any
/// answer can come. (With a stream, the end of the body is noted a task switch after its bytes;
/// a server that answers and closes within that time would have its answer thrown away.)
///
/// A gate that does not open gives no bytes. That is fewer than the head announces, so the client
/// fails the request and closes the connection: a head without a body.
struct GatedBytes: Collection, Sendable {
  private let bytes: [UInt8]
  private let gate: BodyGate

  init(_ bytes: [UInt8], gate: BodyGate) {
    self.bytes = bytes
    self.gate = gate
  }

  var startIndex: Int { 0 }

  /// The announced length, whatever the gate will say.
  var endIndex: Int { bytes.count }

  func index(after index: Int) -> Int { index + 1 }

  subscript(index: Int) -> UInt8 { bytes[index] }

  /// How the client takes the bytes, once.
  func withContiguousStorageIfAvailable<Result>(
    _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
  ) rethrows -> Result? {
    guard gate.open() else { return try body(UnsafeBufferPointer(start: nil, count: 0)) }
    return try bytes.withUnsafeBufferPointer(body)
  }
}
