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
