/// Makes any text fit to stand in one line of a log.
enum Escaping {
  /// The text without what would end the line or move a terminal's cursor.
  static func plain(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isHarmful) else { return text }
    return text.unicodeScalars.map { isHarmful($0) ? escape($0) : String($0) }.joined()
  }

  /// The text as it is if it is one plain word, else in quotation marks with escapes.
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

  /// Control characters, line and paragraph separators, and the marks that turn the direction of
  /// writing around and so can make a line read as another.
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
