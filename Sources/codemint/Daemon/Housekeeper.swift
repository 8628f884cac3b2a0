import Ledger
import Postgres
import ServiceLifecycle

/// Numbers events so that readers see them, measures the line of waiting jobs, and forgets old events.
/// Every daemon has a housekeeper, and the ledger lets one at a time work. No claim waits for it.
struct Housekeeper: Service {
  private let house: Housekeeping
  private let age: Duration?

  /// - Parameter age: How long events are kept; nil for ever.
  init(_ house: Housekeeping, keeping age: Duration?) {
    self.house = house
    self.age = age
  }

  func run() async {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        do throws(PostgresError) {
          try await house.keep(forgettingAfter: age)
        } catch {
          // The worker says what is wrong with the database, and nothing is lost by doing it later.
        }
        try? await Task.sleep(for: Self.interval)
      }
    }
  }

  private static let interval: Duration = .seconds(1)
}
