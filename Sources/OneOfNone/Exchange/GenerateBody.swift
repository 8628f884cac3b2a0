/// The body of a generate request: `{"count":500,"prefix":"SUMMER"}`. The API takes no other keys,
/// and none that is null.
enum GenerateBody {
  static func bytes(size: Int, prefix: String?) -> [UInt8] {
    var text = "{\"count\":\(size)"
    if let prefix { text += ",\"prefix\":\(quoted(prefix))" }
    return Array((text + "}").utf8)
  }

  /// The text as a JSON string (RFC 8259, section 7).
  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\0"..<" ":
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
