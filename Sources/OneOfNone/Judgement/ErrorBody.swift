internal import NIOHTTP1
internal import Provisioning

/// What the API said with an answer that is not what was asked for: `{message, code, details?}`.
struct ErrorBody: Hashable, Sendable {
  /// The API's own code, or `http_<status>`: also for one that may be the code of a customer, which
  /// has a field of the same name.
  let code: String
  /// The API's own message without the values of codes, or one made from the status. A body that is
  /// not the API's, such as a proxy's page, is not repeated.
  let message: String

  /// Reads the body as leniently as can be: whatever is missing is made from the status.
  init(status: Int, body: [UInt8], texts: PublicText) {
    let fields = (try? Self.read(body)) ?? Fields()
    let name = Self.kept(fields.code, limit: 200, texts: texts)
    code = name.flatMap { $0.contains(CodeHider.replacement) ? nil : $0 } ?? "http_\(status)"
    message =
      Self.kept(fields.message, limit: Bounds.messageLength, texts: texts)
      ?? Self.sentence(for: status)
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
