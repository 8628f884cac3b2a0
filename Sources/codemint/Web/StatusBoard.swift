import Ledger
import Postgres
import Provisioning

/// What the status page shows, asked of the database at most once a second however many look.
actor StatusBoard {
  /// The page's facts at one moment.
  struct Snapshot: Sendable {
    /// A JSON object, on one line.
    let json: String
    /// Whether the database gave it; else the object says that it did not.
    let isLedgerUp: Bool
  }

  private let desk: OverviewDesk
  private let clock = SystemClock()
  private var latest: (snapshot: Snapshot, takenAt: Instant)?
  private var asking: Task<Snapshot, Never>?

  private static let freshness: Duration = .milliseconds(900)

  init(desk: OverviewDesk) {
    self.desk = desk
  }

  /// The facts, at most about a second old.
  func snapshot() async -> Snapshot {
    if let latest, clock.now - latest.takenAt < Self.freshness { return latest.snapshot }
    if let asking { return await asking.value }
    let desk = desk
    let task = Task {
      do throws(PostgresError) {
        return Snapshot(json: try await desk.page(), isLedgerUp: true)
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
