import Logging

/// What swift-log holds for each logger: its own metadata, and perhaps a level of its own.
struct LineLogHandler: LogHandler {
  var metadata: Logger.Metadata = [:]
  var metadataProvider: Logger.MetadataProvider?
  private let label: String
  private let sink: LogSink
  private var ownLevel: Logger.Level?

  init(label: String, sink: LogSink, metadataProvider: Logger.MetadataProvider? = nil) {
    self.label = label
    self.sink = sink
    self.metadataProvider = metadataProvider
  }

  /// The sink's level, which may change at run time, unless this logger was given its own.
  var logLevel: Logger.Level {
    get { ownLevel ?? sink.level }
    set { ownLevel = newValue }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Of metadata with the same key, what the statement says wins over what the logger carries, and
  /// that over what the surroundings provide.
  func log(event: LogEvent) {
    var all = metadataProvider?.get() ?? [:]
    all.merge(metadata) { $1 }
    all.merge(event.metadata ?? [:]) { $1 }
    if let error = event.error, all["error"] == nil {
      all["error"] = .string(String(describing: error))
    }
    sink.write(
      LogEntry(
        time: LogTime.now(),
        level: event.level,
        label: label,
        message: event.message.description,
        metadata: all
      )
    )
  }
}
