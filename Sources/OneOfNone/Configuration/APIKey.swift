/// The API key. Its value goes into the request's header and nowhere else: no description, dump,
/// interpolation or error shows it.
public struct APIKey: Sendable, Equatable {
  /// The key itself, for the header and for taking it out of texts that might repeat it.
  let value: String

  /// Takes a key, without the white space around it, since files end in a line break.
  ///
  /// - Throws: `ConfigurationError` if it is empty or holds anything but visible ASCII, which is
  ///   all that every HTTP server takes in a header's value (RFC 9110, section 5.5).
  public init(_ text: String) throws(ConfigurationError) {
    let trimmed = String(Self.trim(Substring(text)))
    guard !trimmed.isEmpty else {
      throw ConfigurationError(.key, "the API key is empty")
    }
    guard trimmed.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw ConfigurationError(
        .key,
        "the API key holds a character that is not visible ASCII, and so cannot go into a header"
      )
    }
    value = trimmed
  }

  private static func trim(_ text: Substring) -> Substring {
    var text = text
    while let first = text.first, first.isWhitespace { text = text.dropFirst() }
    while let last = text.last, last.isWhitespace { text = text.dropLast() }
    return text
  }
}

extension APIKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// Always the same text; never the value.
  public var description: String { "(secret)" }

  /// Always the same text; never the value.
  public var debugDescription: String { description }

  /// No children, so that `dump` does not show the value either.
  public var customMirror: Mirror { Mirror(self, children: []) }
}
