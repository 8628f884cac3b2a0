import Logging

/// A line for machines: one JSON object with `time`, `level`, `message`, `logger` and the metadata.
enum JSONLine {
  /// The names that metadata must not take; a key that is one of them gets an underscore behind.
  private static let reserved: Set<String> = ["time", "level", "message", "logger"]

  static func text(_ entry: LogEntry) -> String {
    var members = [
      member("time", Escaping.json(entry.time)),
      member("level", Escaping.json(entry.level.rawValue)),
      member("message", Escaping.json(entry.message)),
      member("logger", Escaping.json(entry.label)),
    ]
    for (key, value) in entry.metadata {
      members.append(member(reserved.contains(key) ? "\(key)_" : key, text(value)))
    }
    return "{\(members.joined(separator: ","))}"
  }

  /// A value of the metadata as JSON.
  static func text(_ value: Logger.Metadata.Value) -> String {
    switch value {
    case .string(let text): return Escaping.json(text)
    case .stringConvertible(let convertible): return text(convertible)
    case .array(let values): return "[\(values.map(text).joined(separator: ","))]"
    case .dictionary(let dictionary):
      let members = dictionary.sorted { $0.key < $1.key }.map { member($0.key, text($0.value)) }
      return "{\(members.joined(separator: ","))}"
    }
  }

  private static func text(_ value: any CustomStringConvertible) -> String {
    switch value {
    case let number as any BinaryInteger: number.description
    case let number as Double where number.isFinite: number.description
    case let bool as Bool: bool.description
    default: Escaping.json(value.description)
    }
  }

  private static func member(_ key: String, _ value: String) -> String {
    "\(Escaping.json(key)):\(value)"
  }
}
