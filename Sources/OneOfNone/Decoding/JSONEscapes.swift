/// Resolves the escapes in the content of a JSON string (RFC 8259, section 7).
enum JSONEscapes {
  /// The content with its escapes resolved. Their grammar has been checked before.
  ///
  /// - Parameter start: The position of the content in its text, for error messages.
  /// - Throws: If half of a surrogate pair is alone. No text can contain it, and replacing it would make
  ///   another code.
  static func resolve(_ content: ArraySlice<UInt8>, at start: Int) throws(JSONFailure) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(content.count)
    var rest = content
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\") else {
        text.append(byte)
        continue
      }
      let mark = rest.popFirst() ?? 0
      if let plain = short(mark) {
        text.append(plain)
      } else {
        text.append(contentsOf: String(try scalar(&rest, start)).utf8)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The character of a two-character escape, by its second character.
  static func short(_ mark: UInt8) -> UInt8? {
    switch mark {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): mark
    case UInt8(ascii: "b"): 0x08
    case UInt8(ascii: "f"): 0x0C
    case UInt8(ascii: "n"): 0x0A
    case UInt8(ascii: "r"): 0x0D
    case UInt8(ascii: "t"): 0x09
    default: nil
    }
  }

  /// The value of a hexadecimal digit.
  static func digit(_ byte: UInt8) -> UInt16? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
  }

  /// The scalar of `\uXXXX` or of a pair of them. The first `\u` has already been read.
  private static func scalar(
    _ rest: inout ArraySlice<UInt8>,
    _ start: Int
  ) throws(JSONFailure) -> Unicode.Scalar {
    let position = start + rest.startIndex
    let first = unit(&rest)
    if let scalar = Unicode.Scalar(first) { return scalar }
    if rest.starts(with: "\\u".utf8) {
      rest = rest.dropFirst(2)
      let second = unit(&rest)
      if (0xD800..<0xDC00).contains(first), (0xDC00..<0xE000).contains(second),
        let scalar = Unicode.Scalar(
          0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
        )
      {
        return scalar
      }
    }
    throw JSONFailure(position: position, expected: "both halves of a surrogate pair")
  }

  private static func unit(_ rest: inout ArraySlice<UInt8>) -> UInt16 {
    var unit: UInt16 = 0
    for _ in 0..<4 { unit = unit << 4 | (rest.popFirst().flatMap(digit) ?? 0) }
    return unit
  }
}
