// Postgres: libpq made safe and async. It knows nothing of codemint.
//
// `ConnectionSettings` says where the database is. A `Connection` is an actor on a thread of its
// own, so that libpq's blocking calls block nobody else; statements go through `query`, with every
// value bound as a `Parameter` and read back from `Rows`. `Pool` lends connections, `Listener`
// waits for notifications, and every failure is a `PostgresError`.
//
// What is worth knowing before a change: C handles have `~Copyable` owners (`Link`,
// `ResultHandle`) and no C type is public; a blocked call is brought back from outside by an
// `Interrupter`; and a connection whose statement had to be brought back is never used again.

internal import Synchronization

/// One connection to the database, for one user at a time.
///
/// Statements of several tasks are run one after the other, but nothing keeps them from getting
/// between each other's BEGIN and COMMIT: take connections from a `Pool`.
public actor Connection {
  private let executor: ThreadExecutor
  let settings: ConnectionSettings
  var link: Link
  nonisolated let interrupter: Interrupter
  var prepared = PreparedStatements()
  /// Whether a pooler stands between here and the server, so that the next transaction may run on
  /// another one of the server's processes: nothing may be left behind on one of them.
  nonisolated let isPooled: Bool
  /// When it was opened.
  nonisolated let since = Moment.now

  /// What may be known without asking the connection's thread.
  private nonisolated let condition: Mutex<Condition>

  private struct Condition {
    var isUsable = true
    var isIdle = true
  }

  /// The thread of the connection.
  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe executor.asUnownedSerialExecutor()
  }

  private init(
    executor: ThreadExecutor,
    settings: ConnectionSettings,
    deadline: Moment
  ) throws(PostgresError) {
    let link = try Link(options: settings.options)
    let interrupter = try Interrupter(
      descriptor: link.descriptor,
      cancelTicket: link.makeCancelTicket()
    )
    interrupter.begin(until: deadline)
    let opening = Result { () throws(PostgresError) in
      // What a pooler says at the start is its own number, not that of a process of the server.
      let isPooled =
        try link.run("SELECT pg_backend_pid()").get().one().integer(0)
        != Int(link.serverProcess)
      // What is set in a session behind a pooler is set for whoever comes next there.
      for statement in isPooled ? [] : settings.openingStatements {
        _ = try link.run(script: statement).get()
      }
      return isPooled
    }
    if interrupter.end() != nil {
      throw PostgresError(.deadlineExceeded, "while connecting")
    }
    switch opening {
    case .success(let isPooled): self.isPooled = isPooled
    case .failure(let error): throw PostgresError(.connectFailed, error.description)
    }
    condition = Mutex(Condition())
    self.interrupter = interrupter
    self.link = link
    self.executor = executor
    self.settings = settings
  }

  /// Connects.
  /// - Parameter deadline: The longest wait, name resolution included; the settings' if nil.
  /// - Throws: `connectFailed`, `deadlineExceeded`, `cancelled`, `outOfResources`.
  public static func open(
    _ settings: ConnectionSettings,
    deadline: Duration? = nil
  ) async throws(PostgresError) -> Connection {
    let moment = Moment.after(deadline ?? settings.connectDeadline)
    let answer = Answer<Connection>()
    guard !Task.isCancelled else {
      throw PostgresError(.cancelled, "before connecting")
    }
    open(settings, by: moment) { answer.give($0) }
    return try await answer.outcome(by: moment, activity: "while connecting").get()
  }

  /// Connects on the new connection's thread, and tells `completion`, there or on the alarm's.
  ///
  /// libpq cannot be brought back while it resolves a name or changes hosts. At the deadline its
  /// thread is left to itself, and a connection that comes too late is closed as it is dropped.
  static func open(
    _ settings: ConnectionSettings,
    by deadline: Moment,
    _ completion: @escaping @Sendable (Result<Connection, PostgresError>) -> Void
  ) {
    let executor: ThreadExecutor
    do throws(PostgresError) {
      executor = try ThreadExecutor()
    } catch {
      return completion(.failure(error))
    }
    let once = Once()
    let alarm = Alarm.shared.schedule(at: deadline) {
      guard once.take() else { return }
      completion(.failure(PostgresError(.deadlineExceeded, "while connecting")))
    }
    executor.run {
      let result = Result { () throws(PostgresError) in
        try Connection(executor: executor, settings: settings, deadline: deadline)
      }
      Alarm.shared.cancel(alarm)
      if once.take() { completion(result) }
    }
  }

  /// Whether the connection can run statements: nothing has broken it yet, as far as is known.
  public nonisolated var isUsable: Bool { condition.withLock { $0.isUsable } }

  /// Whether the connection can be lent again: no transaction is open, and the server takes writes.
  nonisolated var isIdle: Bool { condition.withLock { $0.isIdle } }

  /// The process id of the server's process for this connection.
  public var serverProcess: Int32 { link.serverProcess }

  /// Whether the connection is encrypted.
  public var usesTLS: Bool { link.usesTLS }

  /// Whether the server is reached by a Unix socket or over loopback, where nobody else listens in.
  public var staysOnThisMachine: Bool { Self.isOfThisMachine(link.address) }

  /// Whether it is libpq's word for a Unix socket, which is none, or an address of loopback.
  static func isOfThisMachine(_ address: String) -> Bool {
    address.isEmpty || address == "::1" || address.hasPrefix("127.")
      || address.hasPrefix("::ffff:127.")
  }

  /// The server's version, for instance 150004 for 15.4.
  public var serverVersion: Int { Int(link.serverVersion) }

  /// Ends the connection. A second call does nothing.
  public func close() {
    link.close()
    noteCondition()
  }

  /// Ends the connection at once, from any thread: what is under way on it fails.
  nonisolated func abandon() {
    condition.withLock { $0.isUsable = false }
    interrupter.shutdown()
  }

  func noteCondition() {
    let isGood = link.isOpen && link.isGood && !interrupter.hasFired
    // A pool opens another one in place of a connection that is not idle.
    let isIdle = link.isOpen && link.isIdle && !link.isOutworn
    let isUsable = condition.withLock { condition in
      condition.isUsable = condition.isUsable && isGood
      condition.isIdle = isIdle
      return condition.isUsable
    }
    // Nothing more may be sent: a cancel request may still be under way to the server.
    if !isUsable, link.isOpen {
      interrupter.shutdown()
      link.close()
    }
  }
}
