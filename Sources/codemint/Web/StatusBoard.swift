import Ledger
import Postgres
import Provisioning

/// The data of the status page. The database is queried at most once a second, for all readers together.
actor StatusBoard {
  /// The page's data at one moment.
  struct Snapshot: Sendable {
    /// A JSON object, on one line.
    let json: String
    /// Whether the database answered. If not, the object has an error message.
    let isLedgerUp: Bool
  }

  private let queries: OverviewQueries
  private let clock = SystemClock()
  private var latest: (snapshot: Snapshot, takenAt: Instant)?
  private var asking: Task<Snapshot, Never>?

  private static let freshness: Duration = .milliseconds(900)

  init(queries: OverviewQueries) {
    self.queries = queries
  }

  /// The data, at most about one second old.
  func snapshot() async -> Snapshot {
    if let latest, clock.now - latest.takenAt < Self.freshness { return latest.snapshot }
    if let asking { return await asking.value }
    let queries = queries
    let task = Task {
      do throws(PostgresError) {
        return Snapshot(json: try await queries.page(), isLedgerUp: true)
      } catch {
        return Snapshot(json: #"{"error":"the database does not answer"}"#, isLedgerUp: false)
      }
    }
    asking = task
    let snapshot = await task.value
    asking = nil
    latest = (snapshot, clock.now)
    return snapshot
  }
}
