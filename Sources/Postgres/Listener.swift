/// Listens for notifications, on a connection of its own and as long as it is iterated over.
///
///     for await event in Listener(settings, channels: ["codemint_jobs"]) { ... }
///
/// Nothing is buffered and nothing runs beside: each step of the loop connects, waits or reads. The
/// loop ends when its task is cancelled, and only then. Notifications sent while there was no
/// connection are lost for ever, so every `listening` is the moment to look at the tables.
///
/// That LISTEN is taken proves little: a pooler in transaction mode takes it and passes nothing on,
/// and another database takes it as well. With a `notifier` the listener is called by another
/// connection, on a channel of its own, before it says that it listens and after every silence.
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

  /// Notifies a channel on another connection, one on which the senders of notifications are too.
  public typealias Notifier = @Sendable (_ channel: String) async throws(PostgresError) -> Void

  fileprivate let settings: ConnectionSettings
  fileprivate let channels: [String]
  fileprivate let onlyLatest: Bool
  fileprivate let trialInterval: Duration
  fileprivate let trialDeadline: Duration
  fileprivate let notifier: Notifier?

  /// A listener that has not connected yet.
  /// - Parameters:
  ///   - onlyLatest: Whether of the notifications that came together only the latest of each channel is
  ///     told. Whoever is woken by them, and does not read them, keeps up with any flood so: any login can
  ///     send as many as it likes, and what nobody takes fills the server's queue, until it refuses every
  ///     transaction that notifies (PostgreSQL's manual, NOTIFY).
  ///   - trialInterval: After so much silence the server is asked for a sign of life: a connection
  ///     whose other end is gone looks just like one on which nothing happens.
  ///   - trialDeadline: How long the server may take for it.
  ///   - notifier: Proves that notifications arrive; without one the server is only asked whether it
  ///     is there.
  public init(
    _ settings: ConnectionSettings,
    channels: [String],
    onlyLatest: Bool = false,
    trialInterval: Duration = .seconds(30),
    trialDeadline: Duration = .seconds(5),
    notifier: Notifier? = nil
  ) {
    self.settings = settings
    self.channels = channels
    self.onlyLatest = onlyLatest
    self.trialInterval = trialInterval
    self.trialDeadline = trialDeadline
    self.notifier = notifier
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
    /// What this listener alone is called by.
    private let trialChannel = "codemint_trial_\(UInt64.random(in: .min ... .max))"
    private var isLossKnown = false
    /// Whether trying again soon is of no use: it is not an outage but the way things are set up.
    private var isMisled = false

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
          // A connection on which they did arrive is half open now, and a new one will do.
          isMisled = connection == nil && error.code == .notificationsLost
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
        try? await Task.sleep(
          for: isMisled
            ? listener.trialInterval * 10 : ConnectBackoff.pause(afterFailures: failures)
        )
      }
      let connection = try await Connection.open(listener.settings)
      let statements = (listener.channels + [trialChannel]).map { channel in
        "LISTEN \"\(channel.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\""))\""
      }
      try await connection.script(statements.joined(separator: "; "))
      try await tryOut(connection)
      self.connection = connection
      isLossKnown = false
      return .listening
    }

    private mutating func wait(
      on connection: Connection,
      isolation actor: isolated (any Actor)? = #isolation
    ) async throws(PostgresError) {
      let notifications = try await connection.notifications(within: listener.trialInterval)
      if notifications.isEmpty { try await tryOut(connection) }
      take(notifications)
      // Only now: a server that lets us in and throws us out again must not be hammered either.
      failures = 0
    }

    private mutating func take(_ notifications: [Notification]) {
      arrived += notifications
      guard listener.onlyLatest, arrived.count > 1 else { return }
      var latest: [String: Notification] = [:]
      for notification in arrived { latest[notification.channel] = notification }
      arrived = ArraySlice(latest.values)
    }

    /// Makes sure that the other end is there, and that notifications arrive if somebody can send
    /// one.
    private mutating func tryOut(
      _ connection: Connection,
      isolation actor: isolated (any Actor)? = #isolation
    ) async throws(PostgresError) {
      guard let notifier = listener.notifier else {
        return try await connection.ping(deadline: listener.trialDeadline)
      }
      let end = Moment.after(listener.trialDeadline)
      try await notifier(trialChannel)
      while true {
        let notifications = try await connection.notifications(within: end.remaining)
        take(notifications.filter { $0.channel != trialChannel })
        if notifications.contains(where: { $0.channel == trialChannel }) { return }
        guard !notifications.isEmpty else {
          await connection.close()
          throw PostgresError(.notificationsLost, "one that was sent as a trial did not come")
        }
      }
    }
  }
}
