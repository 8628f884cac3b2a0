import Logging

/// An entry in the systemd journal's own protocol, which keeps each part as a field of its own, so
/// that `journalctl CODEMINT_JOB=7` finds every line about a job (source: systemd's
/// "Native Journal Protocol").
enum JournalDatagram {
  /// Where the journal takes datagrams.
  static let standardSocket = "/run/systemd/journal/socket"

  /// One field a line. No value holds a line break, since every text is escaped.
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

  /// The name of a field: capitals, digits and underscores, at most 64 of them.
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
