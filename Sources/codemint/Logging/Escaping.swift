/// Makes any text safe for a line of a log or of a terminal.
enum Escaping {
  /// The text with escapes for characters that would end the line or control a terminal.
  static func plain(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isHarmful) else { return text }
    return text.unicodeScalars.map { isHarmful($0) ? escape($0) : String($0) }.joined()
  }

  /// The same for a text of several lines.
  static func lines(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { plain(String($0)) }.joined(separator: "\n")
  }

  /// The text itself if it is one plain word, else the text in quotation marks with escapes.
  static func word(_ text: String) -> String {
    let isWord = text.unicodeScalars.allSatisfy { scalar in
      !isHarmful(scalar) && scalar != "\"" && scalar != "=" && scalar != "\\"
        && !scalar.properties.isWhitespace
    }
    return isWord && !text.isEmpty ? text : json(text)
  }

  /// A JSON string (RFC 8259, section 7).
  static func json(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case _ where isHarmful(scalar): quoted += escape(scalar)
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }

  /// Whether the character is a control character, a line or paragraph separator, or a mark that
  /// reverses the direction of writing and can make a line look like another one.
  private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x00...0x1F, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069: true
    default: false
    }
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\n": return "\\n"
    case "\r": return "\\r"
    case "\t": return "\\t"
    default:
      let digits = String(scalar.value, radix: 16)
      return "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
  }
}
