/// Reads the keys of one JSON object, with defaults, and tells which keys nobody asked for.
final class FaultParameters {
  /// A key by its name.
  struct Key: CodingKey, ExpressibleByStringLiteral {
    let stringValue: String
    let intValue: Int? = nil
    init(stringLiteral name: String) { stringValue = name }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  private let container: KeyedDecodingContainer<Key>
  private var asked: Set<String> = []

  init(_ decoder: any Decoder) throws {
    container = try decoder.container(keyedBy: Key.self)
  }

  /// A value that has to be there.
  func value<Value: Decodable>(_ name: String) throws -> Value {
    asked.insert(name)
    return try container.decode(Value.self, forKey: Key(stringValue: name))
  }

  /// A value that has a default.
  func value<Value: Decodable>(_ name: String, default: Value) throws -> Value {
    try optional(name) ?? `default`
  }

  /// A value that may be absent.
  func optional<Value: Decodable>(_ name: String) throws -> Value? {
    asked.insert(name)
    return try container.decodeIfPresent(Value.self, forKey: Key(stringValue: name))
  }

  /// Throws if the object has keys that were not asked for.
  func refuseOthers() throws(SandboxError) {
    let others = container.allKeys.map(\.stringValue).filter { !asked.contains($0) }
    guard let other = others.min() else { return }
    throw .faultPlan(
      "\"\(other)\" means nothing here; there are \(asked.sorted().joined(separator: ", "))"
    )
  }
}
