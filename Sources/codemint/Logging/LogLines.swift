import Logging

/// A line for people: `2024-02-29T12:30:45.007Z info     call settled call=3c90 job=7`.
enum TextLine {
  static func text(_ entry: LogEntry) -> String {
    let level = entry.level.rawValue
    let padding = String(repeating: " ", count: max(0, 8 - level.count))
    return "\(entry.time) \(level)\(padding) \(body(entry))"
  }

  /// Message and metadata, which text lines and journal lines share.
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

/// A line for machines: one JSON object with `time`, `level`, `message`, `logger` and the metadata.
enum JSONLine {
  /// The names of the line's own members. A metadata key with such a name gets an underscore at its end.
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

/// A line for the systemd journal: `<6>call settled call=3c90 job=7`.
///
/// The number is the priority of syslog. The journal removes it and adds the time (source:
/// sd-daemon(3)).
enum JournalLine {
  static func text(_ entry: LogEntry) -> String {
    "<\(priority(entry.level))>\(TextLine.body(entry))"
  }

  /// The priority of a level (source: syslog(3)). Syslog has no level below debug.
  static func priority(_ level: Logger.Level) -> Int {
    switch level {
    case .critical: 2
    case .error: 3
    case .warning: 4
    case .notice: 5
    case .info: 6
    case .debug, .trace: 7
    }
  }
}

/// An entry in the native protocol of the systemd journal. Each part is a field of its own, so that
/// `journalctl CODEMINT_JOB=7` finds every line about a job (source: systemd, "Native Journal
/// Protocol").
enum JournalDatagram {
  /// The socket on which the journal receives datagrams.
  static let standardSocket = "/run/systemd/journal/socket"

  /// The datagram, one field a line. No value has a line break, because every text is escaped.
  static func text(_ entry: LogEntry) -> String {
    var fields = [
      ("PRIORITY", String(JournalLine.priority(entry.level))),
      ("SYSLOG_IDENTIFIER", "codemint"),
      ("MESSAGE", TextLine.body(entry)),
      ("CODEMINT_EVENT", Escaping.plain(entry.message)),
    ]
    fields += entry.metadata.map { (field($0.key), TextLine.plain($0.value)) }
    return fields.map { "\($0)=\($1)\n" }.joined()
  }

  /// The name of a field: at most 64 capital letters, digits and underscores.
  private static func field(_ key: String) -> String {
    let name = key.uppercased().map { character -> Character in
      switch character {
      case "A"..."Z", "0"..."9": character
      default: "_"
      }
    }
    return String(("CODEMINT_" + String(name)).prefix(64))
  }
}
