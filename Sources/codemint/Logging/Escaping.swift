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

  /// Whether the character controls a terminal, ends a line, or makes a text look like another one: marks
  /// that reverse the direction of writing, and everything that is not seen at all.
  private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
    if (0x20..<0x7F).contains(scalar.value) { return false }
    return switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: true
    default: scalar.properties.isDefaultIgnorableCodePoint
    }
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\n": return "\\n"
    case "\r": return "\\r"
    case "\t": return "\\t"
    default:
      return UTF16.encode(scalar)?.map { unit in
        let digits = String(unit, radix: 16)
        return "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
      }.joined() ?? ""
    }
  }
}
