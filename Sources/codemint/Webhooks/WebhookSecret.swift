import Crypto
import Foundation

/// The secret of a webhook, and the signatures that are made with it (Standard Webhooks, "Signature scheme"). No
/// description, dump or interpolation shows it.
struct WebhookSecret: Sendable, Equatable {
  private let key: SymmetricKey

  /// A secret as Standard Webhooks write it: `whsec_` and 24 to 64 bytes as base64. Nil for any other text.
  init?(_ text: some StringProtocol) {
    let prefix = "whsec_"
    guard text.hasPrefix(prefix),
      let bytes = Data(base64Encoded: String(text.dropFirst(prefix.count))),
      (24...64).contains(bytes.count)
    else { return nil }
    key = SymmetricKey(data: bytes)
  }

  /// Reads secrets: words like `NAME=whsec_...`, with blanks or line breaks between them. A name may come several
  /// times, while its secret is replaced. Nil if a word is something else.
  static func read(_ text: String) -> [String: [WebhookSecret]]? {
    var secrets: [String: [WebhookSecret]] = [:]
    for word in text.split(whereSeparator: \.isWhitespace) {
      guard let equals = word.firstIndex(of: "="), equals != word.startIndex,
        let secret = WebhookSecret(word[word.index(after: equals)...])
      else { return nil }
      secrets[String(word[..<equals]), default: []].append(secret)
    }
    return secrets.isEmpty ? nil : secrets
  }

  /// The signature of a message, `v1,` and base64.
  ///
  /// - Parameters:
  ///   - timestamp: When it is sent, in seconds since 1970.
  func signature(id: String, timestamp: Int64, body: some Sequence<UInt8>) -> String {
    let signed = Array("\(id).\(timestamp).".utf8) + body
    let code = HMAC<SHA256>.authenticationCode(for: signed, using: key)
    return "v1," + Data(code).base64EncodedString()
  }
}

extension WebhookSecret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// Always the same text; never the value.
  var description: String { "(secret)" }

  /// Always the same text; never the value.
  var debugDescription: String { description }

  /// No children, so that `dump` does not show the value either.
  var customMirror: Mirror { Mirror(self, children: []) }
}
