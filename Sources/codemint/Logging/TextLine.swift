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

  /// A value of the metadata on one line.
  static func plain(_ value: Logger.Metadata.Value) -> String {
    Escaping.plain(raw(value))
  }

  private static func word(_ value: Logger.Metadata.Value) -> String {
    Escaping.word(raw(value))
  }

  private static func raw(_ value: Logger.Metadata.Value) -> String {
    switch value {
    case .string(let text): text
    case .stringConvertible(let convertible): convertible.description
    case .array, .dictionary: JSONLine.text(value)
    }
  }
}
