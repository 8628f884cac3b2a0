import Ledger
import Postgres
import Provisioning

/// The data of the status page. The database is queried at most once a second, for all readers together.
actor StatusBoard {
  /// The page's data at one moment.
  struct Snapshot: Sendable {
    /// A JSON object, on one line.
    let json: String
    /// Why there are no data; nil if there are. The object has the same text as `error`.
    let complaint: String?
    /// Why nothing is done although there is work; nil if that is not so, or there are no data.
    var standstill: String?
  }

  private let queries: OverviewQueries
  private let clock = SystemClock()
  private var latest: (snapshot: Snapshot, takenAt: Instant)?
  private var asking: Task<Snapshot, Never>?

  private static let freshness: Duration = .milliseconds(900)

  init(queries: OverviewQueries) {
    self.queries = queries
  }

  /// The page is for everybody, so it has the kind of failure and not the database's words.
  private static func complaint(_ error: PostgresError) -> String {
    if error.isLoginRefused { return "the database refuses the login" }
    if error.isConnectionLost { return "the database does not answer" }
    return "the database refuses what this page asks for (\(error.sqlState ?? "\(error.code)"))"
  }

  /// The data, at most about one second old.
  func snapshot() async -> Snapshot {
    if let latest, clock.now - latest.takenAt < Self.freshness { return latest.snapshot }
    if let asking { return await asking.value }
    let queries = queries
    let task = Task {
      do throws(PostgresError) {
        let page = try await queries.page()
        return Snapshot(json: page.json, complaint: nil, standstill: page.standstill)
      } catch {
        let complaint = Self.complaint(error)
        return Snapshot(json: "{\"error\":\(Escaping.json(complaint))}", complaint: complaint)
      }
    }
    asking = task
    let snapshot = await task.value
    asking = nil
    latest = (snapshot, clock.now)
    return snapshot
  }
}
