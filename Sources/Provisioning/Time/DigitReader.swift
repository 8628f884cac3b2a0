/// Reads fixed-width numbers and single marks from ASCII text, for timestamps.
struct DigitReader {
  private var rest: ArraySlice<UInt8>

  init(_ text: some Sequence<UInt8>) {
    rest = Array(text)[...]
  }

  var isAtEnd: Bool { rest.isEmpty }

  /// Exactly this many decimal digits, or nil.
  mutating func number(digits: Int) -> Int64? {
    guard rest.count >= digits else { return nil }
    var value: Int64 = 0
    for byte in rest.prefix(digits) {
      guard let digit = Self.digit(byte) else { return nil }
      value = value * 10 + digit
    }
    rest = rest.dropFirst(digits)
    return value
  }

  /// One digit or more after the decimal mark, scaled to `digits` places; the rest is cut off.
  mutating func fraction(digits: Int) -> Int64? {
    var value: Int64 = 0
    var seen = 0
    while let byte = rest.first, let digit = Self.digit(byte) {
      if seen < digits { value = value * 10 + digit }
      seen += 1
      rest = rest.dropFirst()
    }
    guard seen > 0 else { return nil }
    for _ in min(seen, digits)..<digits { value *= 10 }
    return value
  }

  /// Takes one mark if it comes next.
  mutating func skip(_ mark: Unicode.Scalar) -> Bool {
    guard let byte = rest.first, UInt32(byte) == mark.value else { return false }
    rest = rest.dropFirst()
    return true
  }

  private static func digit(_ byte: UInt8) -> Int64? {
    guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
    return Int64(byte - UInt8(ascii: "0"))
  }
}
