import Ledger
import Logging
import Postgres
import ServiceLifecycle

/// Numbers events so that readers see them, measures the line of waiting jobs, and forgets old events.
/// Every daemon has a housekeeper, and the ledger lets one at a time work. No claim waits for it.
struct Housekeeper: Service {
  private let house: Housekeeping
  private let age: Duration?
  private let logger: Logger
  private let wakes: AsyncStream<Void>
  private let bell: AsyncStream<Void>.Continuation

  /// The least time between two rounds, and the time between them while something goes on.
  private static let interval: Duration = .seconds(1)
  /// How much longer a round may be off while nothing goes on, and no wake comes.
  private static let rest: Duration = .seconds(15)
  /// How often old events are looked for.
  private static let forgetInterval: Duration = .seconds(60)

  /// - Parameter age: How long events are kept; nil for ever.
  init(_ house: Housekeeping, keeping age: Duration?, logger: Logger) {
    self.house = house
    self.age = age
    self.logger = logger
    (wakes, bell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Something happened that may have caused an event.
  func wake() {
    bell.yield()
  }

  func run() async {
    await cancelWhenGracefulShutdown {
      var wakes = wakes.makeAsyncIterator()
      var round = Round(house, keeping: age)
      var isRefused = false
      while !Task.isCancelled {
        var isLively = true
        do throws(PostgresError) {
          isLively = try await round.run()
          if isRefused { logger.notice("events and the line of jobs are kept again") }
          isRefused = false
        } catch {
          // The worker says that a database is gone or stopping. Nothing is lost by doing it later.
          if error.sqlState != nil, !error.isRetryable, !error.isConnectionLost, !isRefused {
            isRefused = true
            logger.warning(
              "the database refuses to number events or to measure the line of jobs",
              metadata: ["error": "\(error)"]
            )
          }
        }
        try? await Task.sleep(for: Self.interval)
        guard !isLively else { continue }
        let timer = Task { [bell] in
          try await Task.sleep(for: Self.rest)
          bell.yield()
        }
        _ = await wakes.next()
        timer.cancel()
      }
    }
  }

  /// What is done in a round, and what is known from the rounds before.
  private struct Round {
    private let house: Housekeeping
    private let age: Duration?
    /// Whether the line may still have jobs in it that have ended.
    private var isLineOld = true
    private var forgottenAt: ContinuousClock.Instant?

    init(_ house: Housekeeping, keeping age: Duration?) {
      self.house = house
      self.age = age
    }

    /// Does what is due, and returns whether more can be expected soon.
    mutating func run() async throws(PostgresError) -> Bool {
      let activity = try await house.numberEvents()
      // When the last job has ended, the line is measured once more: the next one is not to be told the pace of a
      // line that nobody stood in.
      if activity.hasOpenJobs || isLineOld {
        let isMeasured = try await house.measureLine()
        isLineOld = activity.hasOpenJobs || !isMeasured
      }
      if let age, forgottenAt.map({ .now - $0 >= Housekeeper.forgetInterval }) ?? true {
        try await house.forgetEvents(after: age)
        forgottenAt = .now
      }
      return activity.isLively || isLineOld && !activity.hasOpenJobs
    }
  }
}
