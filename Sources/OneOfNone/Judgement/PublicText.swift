internal import Provisioning

/// Makes texts that came from outside fit for the ledger, logs and terminals.
struct PublicText: Sendable {
  /// What stands where the API key stood.
  static let redaction = "(secret)"

  private let secret: [UInt8]
  private var codes = CodeHider(prefix: nil)

  /// Texts in which this key must not appear.
  init(hiding key: APIKey) {
    secret = Array(key.value.utf8)
  }

  /// The same for what is said of a call with this prefix.
  func about(prefix: String?) -> PublicText {
    var texts = self
    texts.codes = CodeHider(prefix: prefix)
    return texts
  }

  /// The API's own words: clean, and without what may be the value of a code.
  func quote(_ words: String, limit: Int = Bounds.messageLength) -> String {
    // As with the key, what is cut in two would no longer be found.
    clean(codes.hide(redact(words)), limit: limit)
  }

  /// The text without the key, with blanks for line breaks and marks for other control
  /// characters (the database takes no NUL), and not longer than `limit` Unicode scalars.
  func clean(_ text: String, limit: Int = Bounds.messageLength) -> String {
    var cleaned = String.UnicodeScalarView()
    // The key goes first: cut in two, it would no longer be found.
    for scalar in redact(text).unicodeScalars.prefix(limit) {
      switch scalar {
      case "\n", "\r", "\t", "\u{85}", "\u{2028}", "\u{2029}": cleaned.append(" ")
      case "\0"..."\u{1F}", "\u{7F}"..."\u{9F}": cleaned.append("\u{FFFD}")
      default: cleaned.append(scalar)
      }
    }
    return String(cleaned)
  }

  private func redact(_ text: String) -> String {
    let bytes = Array(text.utf8)
    guard bytes.count >= secret.count else { return text }
    var kept: [UInt8] = []
    var position = 0
    while position < bytes.count {
      if bytes[position] == secret[0], bytes[position...].starts(with: secret) {
        kept.append(contentsOf: Self.redaction.utf8)
        position += secret.count
      } else {
        kept.append(bytes[position])
        position += 1
      }
    }
    return String(decoding: kept, as: UTF8.self)
  }
}
