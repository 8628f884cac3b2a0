// Logging: swift-log's events as lines on standard error, each written whole by one write(2).
//
// `LogFormat` is what the setting says, `LogStyle` what that comes to at run time. `LogSink` owns
// the file descriptor, the style and the level, which a signal may change while the daemon runs;
// `LineLogHandler` is the value that swift-log holds; the three `...Line` files and `JournalDatagram`
// are pure functions from an entry to its text. A message is constant and lower-case, and everything that varies is
// metadata with fixed keys (job, call, reward, worker, duration_ms), never a code and never a key:
// so lines can be counted and searched. A line holds no line break and nothing that a terminal
// would obey, whatever an API or a database put into a text.

/// How log lines look: the setting `log.format`.
enum LogFormat: String, Sendable, CaseIterable {
  /// Journal style if standard error goes to the journal, else text.
  case auto
  /// For people: time, level, message, metadata.
  case text
  /// One JSON object a line.
  case json
  /// For the systemd journal, which keeps the time itself: a priority in front, message, metadata.
  /// Where `auto` finds the journal, the metadata become its fields.
  case journal
}
