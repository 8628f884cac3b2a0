/// Reads fixed-width numbers and single marks from ASCII text, for timestamps.
struct DigitReader {
  /// Every access is behind a comparison with its count.
  private let bytes: UnsafeBufferPointer<UInt8>
  private var position = 0

  /// A reader of bytes that stay where they are as long as it is used.
  init(_ bytes: UnsafeBufferPointer<UInt8>) {
    self.bytes = bytes
  }

  var isAtEnd: Bool { position >= bytes.count }

  /// Exactly this many decimal digits, or nil.
  mutating func number(digits: Int) -> Int64? {
    guard bytes.count - position >= digits else { return nil }
    var value: Int64 = 0
    for place in position..<position + digits {
      guard let digit = Self.digit(bytes[place]) else { return nil }
      value = value * 10 + digit
    }
    position += digits
    return value
  }

  /// One digit or more after the decimal mark, scaled to `digits` places; the rest is cut off.
  mutating func fraction(digits: Int) -> Int64? {
    var value: Int64 = 0
    var seen = 0
    while position < bytes.count, let digit = Self.digit(bytes[position]) {
      if seen < digits { value = value * 10 + digit }
      seen += 1
      position += 1
    }
    guard seen > 0 else { return nil }
    for _ in min(seen, digits)..<digits { value *= 10 }
    return value
  }

  /// Takes one mark if it comes next.
  mutating func skip(_ mark: Unicode.Scalar) -> Bool {
    guard position < bytes.count, UInt32(bytes[position]) == mark.value else { return false }
    position += 1
    return true
  }

  private static func digit(_ byte: UInt8) -> Int64? {
    guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
    return Int64(byte - UInt8(ascii: "0"))
  }
}
