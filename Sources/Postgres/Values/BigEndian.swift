extension [UInt8] {
  /// The bytes of a number, the most significant first, as everything is on the wire.
  init(bigEndian value: some FixedWidthInteger & Sendable) {
    self = []
    append(bigEndian: value)
  }

  mutating func append<Value: FixedWidthInteger & Sendable>(bigEndian value: Value) {
    var value = value.bigEndian
    unsafe Swift.withUnsafeBytes(of: &value) { unsafe append(contentsOf: $0) }
  }
}

extension FixedWidthInteger {
  /// Reads a number of exactly this width; nil if the bytes are of another one.
  init?(bigEndian bytes: UnsafeRawBufferPointer) {
    guard bytes.count == MemoryLayout<Self>.size else { return nil }
    unsafe self.init(bigEndian: bytes.loadUnaligned(as: Self.self))
  }
}
