/// Why a text is not the JSON that was expected. Says where and what, never what stood there: it
/// may be a code.
package struct JSONFailure: Error, Hashable, CustomStringConvertible {
  let position: Int
  let expected: String

  package var description: String { "expected \(expected) at byte \(position)" }
}
