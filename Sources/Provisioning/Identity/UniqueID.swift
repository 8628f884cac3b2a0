/// A 128-bit universally unique identifier (RFC 9562), most significant byte first.
public struct UniqueID: Hashable, Comparable, Sendable {
  // Two words, because Swift 6.3.1 on x86-64 corrupts the stack where an asynchronous function has
  // more arguments than registers and one of them is a 128-bit integer.
  private let high: UInt64
  private let low: UInt64

  /// The 128 bits, in network byte order when written out.
  public var bits: UInt128 { UInt128(high) << 64 | UInt128(low) }

  /// An identifier with exactly these bits.
  public init(bits: UInt128) {
    high = UInt64(truncatingIfNeeded: bits >> 64)
    low = UInt64(truncatingIfNeeded: bits)
  }

  /// A new version 4 identifier (RFC 9562, section 5.4) drawn from `random`.
  public init(random: inout some RandomNumberGenerator) {
    var bits = UInt128(random.next() as UInt64) << 64 | UInt128(random.next() as UInt64)
    bits = bits & ~(UInt128(0xF) << 76) | UInt128(0x4) << 76
    bits = bits & ~(UInt128(0x3) << 62) | UInt128(0x2) << 62
    self.init(bits: bits)
  }

  /// Reads the 8-4-4-4-12 text form, in either case; nil for anything else.
  public init?(_ text: some StringProtocol) {
    self.init(utf8: Array(text.utf8).span)
  }

  /// Reads the same from bytes.
  public init?(utf8 text: Span<UInt8>) {
    guard text.count == 36 else { return nil }
    let areDashed = [8, 13, 18, 23].allSatisfy { text[$0] == Self.dash }
    var digits = HexDigits()
    for offset in 0..<8 { digits.take(text[offset]) }
    for offset in 9..<13 { digits.take(text[offset]) }
    for offset in 14..<18 { digits.take(text[offset]) }
    let high = digits.value
    for offset in 19..<23 { digits.take(text[offset]) }
    for offset in 24..<36 { digits.take(text[offset]) }
    guard areDashed, digits.areAll else { return nil }
    (self.high, low) = (high, digits.value)
  }

  /// Orders by the text form.
  public static func < (left: UniqueID, right: UniqueID) -> Bool {
    left.bits < right.bits
  }

  private static let dash = UInt8(ascii: "-")
}

/// The last sixteen hexadecimal digits of a text, read without a branch: every code has two
/// identifiers.
private struct HexDigits {
  private(set) var value: UInt64 = 0
  /// Whether every byte that was taken is a digit.
  private(set) var areAll = true

  @inline(__always)
  mutating func take(_ byte: UInt8) {
    let number = byte &- UInt8(ascii: "0")
    let letter = (byte | 0x20) &- UInt8(ascii: "a")
    let isNumber = number < 10
    areAll = areAll && (isNumber || letter < 6)
    value = value &<< 4 | UInt64(isNumber ? number : letter &+ 10)
  }
}

extension UniqueID: CustomStringConvertible {
  /// The lower-case 8-4-4-4-12 text form.
  public var description: String {
    var text = ""
    text.reserveCapacity(36)
    for offset in 0..<32 {
      if [8, 12, 16, 20].contains(offset) { text.append("-") }
      let nibble = UInt8(truncatingIfNeeded: bits >> UInt128(124 - 4 * offset)) & 0xF
      let letter = nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
      text.unicodeScalars.append(Unicode.Scalar(letter))
    }
    return text
  }
}
