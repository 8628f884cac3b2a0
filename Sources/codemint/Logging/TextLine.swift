import Logging

/// A line for people: `2024-02-29T12:30:45.007Z info    call settled  call=3c90 job=7`.
enum TextLine {
  static func text(_ entry: LogEntry) -> String {
    let level = entry.level.rawValue
    let padding = String(repeating: " ", count: max(0, 8 - level.count))
    return "\(entry.time) \(level)\(padding) \(body(entry))"
  }

  /// Message and metadata, as text and journal lines share them.
  static func body(_ entry: LogEntry) -> String {
    var line = Escaping.plain(entry.message)
    for (key, value) in entry.metadata {
      line += " \(Escaping.word(key))=\(word(value))"
    }
    return line
  }

  private static func word(_ value: Logger.Metadata.Value) -> String {
    switch value {
    case .string(let text): Escaping.word(text)
    case .stringConvertible(let convertible): Escaping.word(convertible.description)
    case .array, .dictionary: Escaping.word(JSONLine.text(value))
    }
  }
}
