internal import FoundationEssentials

/// How a sandbox misbehaves: rules in order, and a seed for their dice. Written as JSON,
/// `{"seed": 7, "rules": [{"where": "generate", "what": {"fault": "status", "status": 503,
/// "made": "all"}, "probability": 0.1, "times": 20}]}`; keys that mean nothing are refused, since a
/// typing error in a plan would otherwise pass for a sturdy client.
public struct FaultPlan: Sendable, Hashable, Codable {
  /// Decides the dice of the rules; without one the sandbox's seed does.
  public var seed: UInt64?
  /// Every rule looks at every request. What they add to an answer adds up; of the faults that decide
  /// how it ends the first one wins.
  public var rules: [FaultRule]

  /// A plan without rules does nothing.
  public init(seed: UInt64? = nil, rules: [FaultRule] = []) {
    self.seed = seed
    self.rules = rules
  }

  /// Reads a plan from JSON.
  /// - Throws: `SandboxError` that says what is wrong and where.
  public init(json: String) throws(SandboxError) {
    do {
      self = try JSONDecoder().decode(FaultPlan.self, from: Data(json.utf8))
    } catch let error as SandboxError {
      throw error
    } catch let error as DecodingError {
      throw .faultPlan(error.inWords)
    } catch {
      throw .faultPlan("it is not JSON")
    }
  }

  /// Reads a plan from a JSON file.
  /// - Throws: `SandboxError` that says what is wrong and where.
  public init(contentsOfFile path: String) throws(SandboxError) {
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw .faultPlan("the file \(path) cannot be read")
    }
    try self.init(json: String(decoding: data, as: UTF8.self))
  }

  /// The plan as JSON, every parameter spelled out; reading it again gives an equal plan.
  public var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    // Encoding fails only for numbers that are not finite, and reading and `validate` refuse those.
    let data = (try? encoder.encode(self)) ?? Data("{}".utf8)
    return String(decoding: data, as: UTF8.self)
  }

  /// Reads a plan; see `init(json:)`.
  public init(from decoder: any Decoder) throws {
    let parameters = try FaultParameters(decoder)
    seed = try parameters.optional("seed")
    rules = try parameters.value("rules", default: [])
    try parameters.refuseOthers()
    try validate()
  }

  /// Writes a plan; see `json`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: FaultParameters.Key.self)
    try container.encodeIfPresent(seed, forKey: "seed")
    try container.encode(rules, forKey: "rules")
  }

  func validate() throws(SandboxError) {
    for rule in rules { try rule.validate() }
  }
}

extension DecodingError {
  /// What is wrong and where, without the input.
  fileprivate var inWords: String {
    switch self {
    case .keyNotFound(let key, let context):
      "\(Self.place(context.codingPath)) lacks \(key.stringValue)"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      "\(Self.place(context.codingPath)) has a value of the wrong type"
    case .dataCorrupted(let context) where context.codingPath.isEmpty:
      "it is not JSON"
    case .dataCorrupted(let context):
      "\(Self.place(context.codingPath)) has a value that is not allowed"
    @unknown default: "it cannot be read"
    }
  }

  private static func place(_ path: [any CodingKey]) -> String {
    guard !path.isEmpty else { return "the plan" }
    return path.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
  }
}

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
