/// A text that must not be shown: the API key, and database URLs, which may hold a password.
///
/// No description, dump or interpolation shows it.
struct Secret: Sendable, Equatable {
  /// The text itself, for handing to the room that needs it and nothing else.
  let value: String

  init(_ text: String) {
    value = text
  }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// Always the same text; never the value.
  var description: String { "(secret)" }

  /// Always the same text; never the value.
  var debugDescription: String { description }

  /// No children, so that `dump` and test failures do not show the value either.
  var customMirror: Mirror { Mirror(self, children: []) }
}
