/// Listens for notifications, on a connection of its own and as long as it is iterated over.
///
///     for await event in Listener(settings, channels: ["codemint_jobs"]) { ... }
///
/// Nothing is buffered and nothing runs beside: each step of the loop connects, waits or reads. The
/// loop ends when its task is cancelled, and only then. Notifications sent while there was no
/// connection are lost for ever, so every `listening` is the moment to look at the tables.
public struct Listener: AsyncSequence, Sendable {
  /// What a listener has to tell.
  public enum Event: Sendable {
    /// From now on nothing is missed.
    case listening
    /// A notification came.
    case notification(Notification)
    /// The connection is lost, or could not be made: notifications may be missed until the next
    /// `listening`. Told once, however many attempts fail.
    case lost(PostgresError)
  }

  fileprivate let settings: ConnectionSettings
  fileprivate let channels: [String]
  fileprivate let trialInterval: Duration
  fileprivate let trialDeadline: Duration
  fileprivate let backoff: Backoff

  /// A listener that has not connected yet.
  /// - Parameters:
  ///   - trialInterval: After so much silence the server is asked for a sign of life: a connection
  ///     whose other end is gone looks just like one on which nothing happens.
  ///   - trialDeadline: How long the server may take for it.
  public init(
    _ settings: ConnectionSettings,
    channels: [String],
    trialInterval: Duration = .seconds(30),
    trialDeadline: Duration = .seconds(5),
    backoff: Backoff = Backoff()
  ) {
    self.settings = settings
    self.channels = channels
    self.trialInterval = trialInterval
    self.trialDeadline = trialDeadline
    self.backoff = backoff
  }

  /// Begins to listen, with the first call of `next`.
  public func makeAsyncIterator() -> Iterator {
    Iterator(listener: self)
  }

  /// The state of one loop over the events.
  public struct Iterator: AsyncIteratorProtocol {
    private let listener: Listener
    private var connection: Connection?
    private var arrived: ArraySlice<Notification> = []
    private var failures = 0
    private var isLossKnown = false

    fileprivate init(listener: Listener) {
      self.listener = listener
    }

    /// Waits for the next event; nil once the task is cancelled.
    public mutating func next(
      isolation actor: isolated (any Actor)? = #isolation
    ) async -> Event? {
      while !Task.isCancelled {
        if let notification = arrived.popFirst() { return .notification(notification) }
        do throws(PostgresError) {
          guard let connection else { return try await listen() }
          try await wait(on: connection)
        } catch {
          connection = nil
          failures += 1
          if !isLossKnown, !Task.isCancelled {
            isLossKnown = true
            return .lost(error)
          }
        }
      }
      await connection?.close()
      connection = nil
      return nil
    }

    private mutating func listen(
      isolation actor: isolated (any Actor)? = #isolation
    ) async throws(PostgresError) -> Event {
      if failures > 0 {
        // Woken early only by cancellation, which connecting notices.
        try? await Task.sleep(for: listener.backoff.pause(afterFailures: failures))
      }
      let connection = try await Connection.open(listener.settings)
      let statements = listener.channels.map { channel in
        "LISTEN \"\(channel.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\""))\""
      }
      try await connection.script(statements.joined(separator: "; "))
      self.connection = connection
      isLossKnown = false
      return .listening
    }

    private mutating func wait(
      on connection: Connection,
      isolation actor: isolated (any Actor)? = #isolation
    ) async throws(PostgresError) {
      let notifications = try await connection.notifications(within: listener.trialInterval)
      if notifications.isEmpty { try await connection.ping(deadline: listener.trialDeadline) }
      arrived = notifications[...]
      // Only now: a server that lets us in and throws us out again must not be hammered either.
      failures = 0
    }
  }
}
