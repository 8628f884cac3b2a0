/// The API key that clients must send. Nothing prints it.
public struct SandboxKey: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible,
  CustomReflectable
{
  let text: String

  /// Takes the key as clients will send it in `x-api-key`.
  public init(_ text: String) {
    self.text = text
  }

  /// Takes the key as clients will send it in `x-api-key`.
  public init(stringLiteral text: String) {
    self.text = text
  }

  /// Never the key.
  public var description: String { "(secret)" }

  /// Empty, so that dumping a configuration shows no key either.
  public var customMirror: Mirror { Mirror(self, children: []) }
}
