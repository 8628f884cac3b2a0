/// Writes text forward into memory that somebody else owns, and never past its end. Answers are written
/// with it because a generic encoder takes about a hundred times as long for 500 codes, and would share
/// the two cores of a benchmark with what is being measured.
struct Pen {
  static let uuidLength = 36
  /// `2026-01-31T12:34:56.789012+05:30`
  static let longestTimestamp = 32

  private let memory: UnsafeMutableRawBufferPointer
  private(set) var written = 0

  /// Starts at the beginning of this memory.
  init(_ memory: UnsafeMutableRawBufferPointer) {
    self.memory = memory
  }

  @inline(__always)
  mutating func write(byte: UInt8) {
    claim(1)[0] = byte
  }

  @inline(__always)
  mutating func write(_ text: StaticString) {
    let count = text.utf8CodeUnitCount
    claim(count).copyMemory(from: UnsafeRawBufferPointer(start: text.utf8Start, count: count))
  }

  @inline(__always)
  mutating func write(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { claim(bytes.count).copyMemory(from: $0) }
  }

  /// Writes a UUID in lower case, eight digits at a time where it can.
  mutating func write(_ uuid: UUIDBits) {
    let space = claim(Self.uuidLength)
    let dash = UInt8(ascii: "-")
    let middle = Self.digits(UInt32(truncatingIfNeeded: uuid.high))
    let variant = Self.digits(UInt32(truncatingIfNeeded: uuid.low >> 32))
    space.storeBytes(of: Self.digits(UInt32(truncatingIfNeeded: uuid.high >> 32)), as: UInt64.self)
    space[8] = dash
    space.storeBytes(of: UInt32(truncatingIfNeeded: middle), toByteOffset: 9, as: UInt32.self)
    space[13] = dash
    space.storeBytes(
      of: UInt32(truncatingIfNeeded: middle >> 32),
      toByteOffset: 14,
      as: UInt32.self
    )
    space[18] = dash
    space.storeBytes(of: UInt32(truncatingIfNeeded: variant), toByteOffset: 19, as: UInt32.self)
    space[23] = dash
    space.storeBytes(
      of: UInt32(truncatingIfNeeded: variant >> 32),
      toByteOffset: 24,
      as: UInt32.self
    )
    space.storeBytes(
      of: Self.digits(UInt32(truncatingIfNeeded: uuid.low)),
      toByteOffset: 28,
      as: UInt64.self
    )
  }

  /// The eight hexadecimal digits of a word, in lower case, the first in the byte stored first.
  @inline(__always)
  private static func digits(_ word: UInt32) -> UInt64 {
    // Spread the nibbles to one a byte, first digit lowest, then add '0', and 39 more where a to f.
    var nibbles = UInt64(word.byteSwapped)
    nibbles = (nibbles | nibbles << 16) & 0x0000_ffff_0000_ffff
    nibbles = (nibbles | nibbles << 8) & 0x00ff_00ff_00ff_00ff
    nibbles = (nibbles >> 4 | nibbles << 8) & 0x0f0f_0f0f_0f0f_0f0f
    let letters = (nibbles + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
    return (nibbles + 0x3030_3030_3030_3030 + letters * 39).littleEndian
  }

  /// Writes the low digits of a number, with leading zeros.
  mutating func write(_ number: Int, digits: Int) {
    let space = claim(digits)
    var rest = number
    for position in stride(from: digits - 1, through: 0, by: -1) {
      space[position] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
    }
  }

  @inline(__always)
  private mutating func claim(_ count: Int) -> UnsafeMutableRawBufferPointer {
    precondition(count <= memory.count - written, "an answer outgrew the space reckoned for it")
    defer { written += count }
    return UnsafeMutableRawBufferPointer(rebasing: memory[written..<written + count])
  }
}

/// Text inside JSON strings.
enum JSONText {
  /// The bytes of a text between the quotes of a JSON string (RFC 8259, section 7).
  static func escaped(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        bytes += [UInt8(ascii: "\\"), byte]
      case 0..<0x20:
        let digits = String(byte, radix: 16)
        bytes += Array("\\u".utf8) + Array(repeating: UInt8(ascii: "0"), count: 4 - digits.count)
        bytes += Array(digits.utf8)
      default:
        bytes.append(byte)
      }
    }
    return bytes
  }

  /// A whole JSON string, with its quotes.
  static func quoted(_ text: String) -> String {
    "\"" + String(decoding: escaped(text), as: UTF8.self) + "\""
  }
}
