internal import NIOHTTP1
internal import Provisioning

/// Makes texts from outside safe for the ledger, logs and terminals.
struct PublicText: Sendable {
  /// The replacement for the API key.
  static let redaction = "(secret)"

  /// The key; empty if it is so short that its letters stand in every text. Such a key is none that an API
  /// gave out.
  private let secret: [UInt8]
  private static let shortestSecret = 8

  /// Texts that must not contain this key.
  init(hiding key: APIKey) {
    let bytes = Array(key.value.utf8)
    secret = bytes.count < Self.shortestSecret ? [] : bytes
  }

  /// Texts of requests that carry no key.
  init() {
    secret = []
  }

  /// The API's own words, cleaned, and without anything that may be the value of a code.
  func quote(_ words: String, limit: Int = Bounds.messageLength) -> String {
    let (text, isCut) = cut(words, limit)
    return Self.plain(KnownWords.keep(redact(text), isCut: isCut), limit)
  }

  /// The text without the key, with at most `limit` Unicode scalars. Line breaks become blanks, and
  /// other control characters become U+FFFD, because the database accepts no NUL.
  func clean(_ text: String, limit: Int = Bounds.messageLength) -> String {
    Self.plain(redact(cut(text, limit).text), limit)
  }

  /// The beginning of the text. It is cut before anything is searched for, because a text from outside can
  /// be as long as an answer. Half a key at its end would not be found, so it is cut off too.
  private func cut(_ text: String, _ limit: Int) -> (text: String, isCut: Bool) {
    let scalars = text.unicodeScalars
    guard let end = scalars.index(scalars.startIndex, offsetBy: limit, limitedBy: scalars.endIndex),
      end < scalars.endIndex
    else { return (text, false) }
    let bytes = Array(text.utf8[..<end])
    let half = (1..<max(1, secret.count)).last { bytes.suffix($0).elementsEqual(secret.prefix($0)) }
    return (String(decoding: bytes.dropLast(half ?? 0), as: UTF8.self), true)
  }

  private static func plain(_ text: String, _ limit: Int) -> String {
    var plain = String.UnicodeScalarView()
    for scalar in text.unicodeScalars.prefix(limit) {
      switch scalar {
      case "\n", "\r", "\t", "\u{85}", "\u{2028}", "\u{2029}": plain.append(" ")
      case "\0"..."\u{1F}", "\u{7F}"..."\u{9F}": plain.append("\u{FFFD}")
      default: plain.append(scalar)
      }
    }
    return String(plain)
  }

  private func redact(_ text: String) -> String {
    let bytes = Array(text.utf8)
    guard !secret.isEmpty, bytes.count >= secret.count else { return text }
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

/// The API's error in an answer that is no success: `{message, code, details?}`.
struct ErrorBody: Hashable, Sendable {
  /// The API's own error code, or `http_<status>`. The latter also replaces an error code that is not made
  /// of known words, because a reward code has a field of the same name.
  let code: String
  /// The API's own message without the values of codes, or a message made from the status. A body that
  /// is not the API's, such as a proxy's page, is not quoted.
  let message: String
  /// The message, with the status that it came with.
  let sentence: String

  /// Reads the body leniently. Missing parts are made from the status.
  init(status: Int, body: [UInt8], texts: PublicText) {
    let fields = (try? Self.read(body)) ?? Fields()
    let name = Self.kept(fields.code, limit: 200, texts: texts)
    code = name.flatMap { $0.contains(KnownWords.replacement) ? nil : $0 } ?? "http_\(status)"
    let own = Self.kept(fields.message, limit: Bounds.messageLength, texts: texts)
    message = own ?? Self.sentence(for: status)
    sentence = own.map { "the API answered \(status): \($0)" } ?? message
  }

  private struct Fields {
    var code: String?
    var message: String?
  }

  private static func kept(_ text: String?, limit: Int, texts: PublicText) -> String? {
    guard let text, !text.isEmpty else { return nil }
    return texts.quote(text, limit: limit)
  }

  private static func sentence(for status: Int) -> String {
    let phrase = HTTPResponseStatus(statusCode: status).reasonPhrase
    let name = phrase.isEmpty ? "\(status)" : "\(status) \(phrase)"
    return "the API answered \(name) without a message of its own"
  }

  private static func read(_ body: [UInt8]) throws(JSONFailure) -> Fields {
    try JSONReader.read(body) { (json) throws(JSONFailure) in
      var fields = Fields()
      var key = try json.firstKey()
      while let name = key {
        switch (try json.string(name), try json.peek()) {
        case ("code", .string): fields.code = try json.string()
        case ("code", .number): fields.code = String(decoding: try json.raw(), as: UTF8.self)
        case ("message", .string): fields.message = try json.string()
        default: try json.skip()
        }
        key = try json.nextKey()
      }
      return fields
    }
  }
}
