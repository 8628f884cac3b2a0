import Ledger
import Postgres

/// Whether a wake arrives: the way of LISTEN may be another one than the daemon's statements take, and
/// a pooler may not pass it on.
struct WakeExamination {
  let settings: Settings

  func finding() async -> Finding {
    let subject = "wakes"
    do {
      let connection = try await Connection.open(settings.listenSettings())
      let desk = DoctorDesk(connection)
      let arrived = try await desk.hearsItself()
      await connection.close()
      if arrived { return .ok(subject, "a NOTIFY arrives") }
      return .warning(
        subject,
        "a NOTIFY does not arrive, as behind a pooler in transaction mode",
        "set database.listen_url to a way past the pooler; until then jobs are found by polling"
      )
    } catch {
      return .warning(
        subject,
        "LISTEN is not to be had: \(error)",
        "see database.listen_url; until then jobs are found by polling"
      )
    }
  }
}
