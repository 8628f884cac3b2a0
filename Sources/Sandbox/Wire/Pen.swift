/// Writes text forward into memory that somebody else owns, and never past its end. Answers are written
/// with it because a generic encoder takes about a hundred times as long for 500 codes, and would share
/// the two cores of a benchmark with what is being measured.
struct Pen {
  static let uuidLength = 36
  static let timestampLength = 24

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

  /// Writes a UUID in lower case.
  mutating func write(_ uuid: UUIDBits) {
    let room = claim(Self.uuidLength)
    var position = 0
    for shift in stride(from: 60, through: 0, by: -4) {
      if shift == 28 || shift == 12 {
        room[position] = UInt8(ascii: "-")
        position += 1
      }
      room[position] = Self.hexadecimal(uuid.high >> UInt64(shift))
      position += 1
    }
    for shift in stride(from: 60, through: 0, by: -4) {
      if shift == 60 || shift == 44 {
        room[position] = UInt8(ascii: "-")
        position += 1
      }
      room[position] = Self.hexadecimal(uuid.low >> UInt64(shift))
      position += 1
    }
  }

  /// The digit of the lowest four bits: 0 to 9, then a to f, which stand 39 further on in ASCII.
  @inline(__always)
  private static func hexadecimal(_ word: UInt64) -> UInt8 {
    let nibble = UInt8(truncatingIfNeeded: word & 0xf)
    return nibble + UInt8(ascii: "0") + (nibble > 9 ? 39 : 0)
  }

  /// Writes a number in decimal.
  mutating func write(decimal number: UInt64) {
    var divisor: UInt64 = 1
    while number / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      write(byte: UInt8(ascii: "0") + UInt8(number / divisor % 10))
      divisor /= 10
    }
  }

  /// Writes the low digits of a number, with leading zeros.
  mutating func write(_ number: Int, digits: Int) {
    let room = claim(digits)
    var rest = number
    for position in stride(from: digits - 1, through: 0, by: -1) {
      room[position] = UInt8(ascii: "0") + UInt8(rest % 10)
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
