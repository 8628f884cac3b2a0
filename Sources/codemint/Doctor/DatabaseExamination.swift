import Glibc
import Ledger
import Postgres
import Provisioning

/// Whether the daemon could work on the database.
struct DatabaseExamination {
  let settings: Settings
  private let clock = SystemClock()

  init(_ settings: Settings) {
    self.settings = settings
  }

  func findings() async -> [Finding] {
    let subject = "database"
    let connection: Connection
    let place: ConnectionSettings
    let start = clock.now
    do {
      place = try settings.connectionSettings()
      connection = try await Connection.open(place)
    } catch {
      return [.failed(subject, "\(error)", "see that database.url is right and the server is up")]
    }
    let server = ServerExamination(
      version: await connection.serverVersion,
      usesTLS: await connection.usesTLS,
      isVerified: place.verifiesServer,
      isHere: await connection.staysOnThisMachine,
      took: clock.now - start
    )
    var findings = [server.finding]
    do {
      let state = try await Migrator(connection).state()
      findings += [try await privileges(connection, for: state), schema(state)]
      findings += [try await clocks(connection), try await connections(connection)]
      findings += try await account(connection)
    } catch {
      findings.append(.failed(subject, "\(error)", "mend what is named above first"))
    }
    await connection.close()
    return findings
  }

  private func privileges(
    _ connection: Connection,
    for state: SchemaState
  ) async throws(PostgresError) -> Finding {
    guard state == .current else {
      return .warning("privileges", "not looked at: the schema is not as it should be", "see there")
    }
    guard let complaint = try await PrivilegeCheck(connection).complaint() else {
      return .ok("privileges", "what the daemon does is permitted")
    }
    return .failed("privileges", complaint, "let an administrator grant it")
  }

  private func schema(_ state: SchemaState) -> Finding {
    state == .current
      ? .ok("schema", state.remedy) : .failed("schema", state.remedy, "as it says")
  }

  /// Leases and slots are reckoned on the database's clock alone, so a difference is only confusing.
  private func clocks(_ connection: Connection) async throws(PostgresError) -> Finding {
    let before = Self.now
    let theirs = try await DoctorDesk(connection).clock()
    let after = Self.now
    let offset = theirs - (before + after) / 2
    let seen =
      "the database's clock is \(Setting.plain((offset * 1000).rounded())) ms ahead of this one"
    guard abs(offset) > 5 else { return .ok("clocks", seen) }
    return .warning("clocks", seen, "synchronise both; nothing breaks, but times in logs differ")
  }

  private static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private func connections(_ connection: Connection) async throws(PostgresError) -> Finding {
    let (free, most) = try await DoctorDesk(connection).connections()
    let needed = min(settings.limits.maxInFlight, 8) + 4
    let seen = "\(free) of \(most) connections are free, a daemon takes up to \(needed)"
    guard free >= needed else {
      return .warning("connections", seen, "raise max_connections, or end what holds them")
    }
    return .ok("connections", seen)
  }

  private func account(_ connection: Connection) async throws(PostgresError) -> [Finding] {
    guard try await Migrator(connection).state() == .current else { return [] }
    let account = try await DoctorDesk(connection).account()
    return [Self.finding(account)]
  }

  private static func finding(_ account: AccountStatus) -> Finding {
    let words = [account.reason, account.message].compactMap { $0 }
    let seen = ([account.state] + words).joined(separator: ": ")
    let subject = "account"
    switch account.state {
    case "open": return .ok(subject, "open, \(account.workers) daemon(s) live")
    case "paused": return .warning(subject, seen, "nothing: it goes on by itself")
    case "trying":
      let remedy = "nothing: one call goes out at a time until one has succeeded"
      return .warning(subject, seen, remedy)
    case "failing":
      return .failed(subject, seen, "ask the API's vendor; it goes on by itself once it answers")
    case "blocked":
      return .failed(subject, seen, "put a key in place that the API takes, and restart codemint")
    default:
      let remedy = "see \"Back up and restore\" in docs/operations.md, then codemint.accept_cluster"
      return .failed(subject, seen, remedy)
    }
  }
}
