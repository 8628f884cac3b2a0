internal import Synchronization

/// Lends connections, each to one borrower at a time, in the order in which they asked.
///
/// Connections are made when they are needed, up to the limit. One that broke, came back with an open
/// transaction, takes no writes, or was told that its server stops, is closed; one that has been idle for long is tried before it is lent. While
/// no connection can be made, attempts are spaced by the backoff, and whoever waits is told why.
public final class Pool: Sendable {
  private let settings: ConnectionSettings
  private let trialAfter: Duration
  let state: Mutex<PoolState>

  /// How long an idle connection has to show that it is alive.
  private static let trialDeadline: Duration = .seconds(2)

  /// A pool without connections yet.
  /// - Parameters:
  ///   - limit: The most connections at a time, at least 1.
  ///   - trialAfter: How long a connection may be idle and still be lent untried.
  public init(
    _ settings: ConnectionSettings,
    limit: Int = 8,
    trialAfter: Duration = .seconds(30)
  ) {
    precondition(limit > 0, "a pool without connections would wait for ever")
    self.settings = settings
    self.trialAfter = trialAfter
    state = Mutex(PoolState(limit: limit))
  }

  /// Lends a connection for the time of `body`.
  /// - Parameter deadline: The longest wait for a connection; the settings' `connectDeadline` if nil.
  /// - Throws: What `body` throws; `connectFailed` if no connection can be made; `deadlineExceeded`
  ///   if all are lent; `cancelled`; `closed`.
  public func withConnection<Value>(
    deadline: Duration? = nil,
    _ body: (Connection) async throws(PostgresError) -> Value
  ) async throws(PostgresError) -> Value {
    let connection = try await borrow(by: .after(deadline ?? settings.connectDeadline))
    let value: Value
    do throws(PostgresError) {
      value = try await body(connection)
    } catch {
      await giveBack(connection)
      throw error
    }
    await giveBack(connection)
    return value
  }

  /// Runs one statement on a connection of the pool.
  /// - Parameter deadline: For the statement; the wait for the connection has the settings' own.
  public func query(
    _ statement: Statement,
    _ parameters: [Parameter] = [],
    deadline: Duration? = nil
  ) async throws(PostgresError) -> Rows {
    try await withConnection { connection throws(PostgresError) in
      try await connection.query(statement, parameters, deadline: deadline)
    }
  }

  /// Lends no more, and waits until every loan has come back and every idle connection is closed.
  public func close() async {
    for connection in state.withLock({ $0.close() }) { await connection.close() }
    await withCheckedContinuation { continuation in
      let mustWait = state.withLock { $0.awaitEmpty(continuation) }
      if !mustWait { continuation.resume() }
    }
  }

  /// Has every connection that is there by now closed, those that are lent when they come back: what its
  /// session keeps, such as a plan, is not to be used any more.
  public func renew() async {
    for connection in state.withLock({ $0.renew(at: .now) }) { await connection.close() }
  }

  private func borrow(by deadline: Moment) async throws(PostgresError) -> Connection {
    while true {
      guard !Task.isCancelled else {
        throw PostgresError(.cancelled, "before a connection was free")
      }
      let answer = Answer<Loan>()
      carryOut(state.withLock { $0.request(answer) })
      let outcome = await answer.outcome(by: deadline, activity: "waiting for a connection")
      switch outcome {
      case .success(let loan):
        if await passesTrial(loan, by: deadline) { return loan.connection }
        await giveBack(loan.connection)
      case .failure(let error):
        let reason = state.withLock { state in
          state.forget(answer)
          return state.lastError
        }
        throw error.code == .deadlineExceeded ? reason ?? error : error
      }
    }
  }

  /// Whether a connection can be lent. Anything that an idle connection has to say is suspicious:
  /// usually it is the server's farewell.
  private func passesTrial(_ loan: Loan, by deadline: Moment) async -> Bool {
    let isOld = loan.idleSince.elapsed > trialAfter
    guard isOld || loan.connection.interrupter.hasUnreadInput else { return true }
    do throws(PostgresError) {
      try await loan.connection.ping(deadline: min(Self.trialDeadline, deadline.remaining))
      return true
    } catch {
      return false
    }
  }

  private func giveBack(_ connection: Connection) async {
    let isReusable =
      connection.isUsable && connection.isIdle && state.withLock { $0.isCurrent(connection) }
    // Closing is what makes the server roll an open transaction back.
    if !isReusable || state.withLock({ $0.isClosed }) { await connection.close() }
    carryOut(state.withLock { $0.returned(isReusable ? connection : nil, at: .now) })
  }

  private func carryOut(_ orders: PoolState.Orders) {
    for closer in orders.closers { closer.resume() }
    if let alarm = orders.alarm {
      _ = Alarm.shared.schedule(at: alarm) { [weak self] in
        guard let self else { return }
        carryOut(state.withLock { $0.alarmRang(at: .now) })
      }
    }
    for _ in 0..<orders.connects {
      Connection.open(settings, by: .after(settings.connectDeadline)) { [self] result in
        finishConnecting(result)
      }
    }
  }

  private func finishConnecting(_ result: Result<Connection, PostgresError>) {
    carryOut(
      state.withLock { state in
        switch result {
        case .success(let connection):
          state.connected(connection, at: .now)
        case .failure(let error):
          state.connectFailed(
            error,
            retry: .after(ConnectBackoff.pause(afterFailures: state.failures + 1))
          )
        }
      }
    )
  }
}

/// How long to wait before the next attempt to connect.
///
/// The pause doubles with every failure, up to a limit, and its upper half is random: many
/// processes that lost the same server do not come back in step, yet none comes back at once.
///
///     failures in a row    1       2       3       4       5       6       7 and more
///     pause in ms          50-100  100-200 200-400 400-800 800-1600 1600-3200 2500-5000
enum ConnectBackoff {
  /// The pause after this many failures in a row, at least one.
  /// - Parameter chance: From 0 to 1; the system's dice by default.
  static func pause(afterFailures failures: Int, chance: Double = .random(in: 0...1)) -> Duration {
    let doublings = min(max(failures, 1) - 1, 30)
    let longest = min(.seconds(5), .milliseconds(100) * (1 << doublings))
    return longest / 2 + longest / 2 * chance
  }
}
