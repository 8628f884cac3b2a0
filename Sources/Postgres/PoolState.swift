/// What a pool knows, and what it decides. The pool carries out what the functions return.
struct PoolState {
  /// What is to be done outside the lock.
  struct Orders {
    /// How many connections to begin to make.
    var connects = 0
    /// When to call `alarmRang`.
    var alarm: Moment?
    /// Who waited for the pool to be empty, which it now is.
    var closers: [CheckedContinuation<Void, Never>] = []
  }

  struct Idle {
    let connection: Connection
    let since: Moment
  }

  let limit: Int
  /// Connections that nobody uses, the one used last at the end.
  private(set) var idle: [Idle] = []
  private(set) var lent = 0
  private(set) var connecting = 0
  /// Who waits for a connection, the first come at the front.
  private(set) var waiting: [Answer<Loan>] = []
  /// Attempts to connect that failed since the last one that did not.
  private(set) var failures = 0
  private(set) var lastError: PostgresError?
  private(set) var isClosed = false
  private var notBefore: Moment?
  private var renewedAt: Moment?
  private var closers: [CheckedContinuation<Void, Never>] = []

  init(limit: Int) {
    self.limit = limit
  }

  /// Somebody asks for a connection.
  mutating func request(_ answer: Answer<Loan>) -> Orders {
    guard !isClosed else {
      answer.give(.failure(PostgresError(.closed, "the pool is closed")))
      return Orders()
    }
    waiting.append(answer)
    serve()
    return orders()
  }

  /// Somebody waits no longer.
  mutating func forget(_ answer: Answer<Loan>) {
    waiting.removeAll { $0 === answer }
  }

  mutating func connected(_ connection: Connection, at now: Moment) -> Orders {
    connecting -= 1
    failures = 0
    lastError = nil
    notBefore = nil
    if !isClosed { idle.append(Idle(connection: connection, since: now)) }
    serve()
    return orders()
  }

  /// - Parameter retry: The earliest moment for another attempt.
  mutating func connectFailed(_ error: PostgresError, retry: Moment) -> Orders {
    connecting -= 1
    lastError = error
    // Attempts that fail side by side are one failure, or a short outage would look like a long one.
    if notBefore == nil {
      failures += 1
      notBefore = retry
    }
    // A loan that comes back can still serve those who wait. Without one nothing can, for now.
    if lent == 0, connecting == 0 {
      for answer in waiting { answer.give(.failure(error)) }
      waiting = []
    }
    return orders()
  }

  /// A loan ended; nil means that the connection is gone.
  mutating func returned(_ connection: Connection?, at now: Moment) -> Orders {
    lent -= 1
    if let connection, !isClosed { idle.append(Idle(connection: connection, since: now)) }
    serve()
    return orders()
  }

  mutating func alarmRang(at now: Moment) -> Orders {
    // An alarm for an earlier pause may fire in a later one, which has an alarm of its own.
    guard let due = notBefore, due <= now else { return Orders() }
    notBefore = nil
    return orders()
  }

  /// Whether a connection may be lent again: none was to be closed since it was opened.
  func isCurrent(_ connection: Connection) -> Bool {
    renewedAt.map { connection.since > $0 } ?? true
  }

  /// - Returns: The idle connections, to be closed. Those that are lent are not current any more.
  mutating func renew(at now: Moment) -> [Connection] {
    renewedAt = now
    defer { idle = [] }
    return idle.map(\.connection)
  }

  /// - Returns: The idle connections, to be closed.
  mutating func close() -> [Connection] {
    isClosed = true
    for answer in waiting {
      answer.give(.failure(PostgresError(.closed, "the pool is closed")))
    }
    waiting = []
    defer { idle = [] }
    return idle.map(\.connection)
  }

  /// Connections that are being made are not waited for: nothing can hurry them, and each closes itself when
  /// it finds the pool closed.
  /// - Returns: False if there is nothing to wait for.
  mutating func awaitEmpty(_ continuation: CheckedContinuation<Void, Never>) -> Bool {
    guard lent > 0 else { return false }
    closers.append(continuation)
    return true
  }

  /// Hands idle connections to those who wait. The one used last goes first: it is the least
  /// likely to have died, and the others grow old enough to be noticed.
  private mutating func serve() {
    while let answer = waiting.first, let best = idle.last {
      waiting.removeFirst()
      // Who gave up meanwhile takes nothing.
      if answer.give(.success(Loan(connection: best.connection, idleSince: best.since))) {
        idle.removeLast()
        lent += 1
      }
    }
  }

  private mutating func orders() -> Orders {
    var orders = Orders()
    if lent == 0 {
      orders.closers = closers
      closers = []
    }
    if let notBefore {
      if !waiting.isEmpty { orders.alarm = notBefore }
      return orders
    }
    // A server that has just failed is asked by one at a time.
    let free = min(limit - lent - idle.count - connecting, failures > 0 ? 1 - connecting : limit)
    orders.connects = max(0, min(waiting.count - connecting, free))
    connecting += orders.connects
    return orders
  }
}

/// A connection on its way to a borrower.
struct Loan: Sendable {
  let connection: Connection
  let idleSince: Moment
}
