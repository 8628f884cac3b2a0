import Glibc
import Ledger
import Postgres
import Provisioning

/// Whether the daemon could work on the database.
struct DatabaseExamination {
  /// The oldest server that codemint was written for: it needs `starts_with`, generated identities
  /// and what `pg_control_system` tells.
  static let oldestServer = 130_000

  let settings: Settings
  private let clock = SystemClock()

  init(_ settings: Settings) {
    self.settings = settings
  }

  func findings() async -> [Finding] {
    let subject = "database"
    let connection: Connection
    let start = clock.now
    do {
      connection = try await Connection.open(settings.connectionSettings())
    } catch {
      return [.failed(subject, "\(error)", "see that database.url is right and the server is up")]
    }
    var findings = [await server(connection, took: clock.now - start)]
    do {
      findings += [try await privileges(connection), try await schema(connection)]
      findings += [try await clocks(connection), try await connections(connection)]
      findings += try await account(connection)
    } catch {
      findings.append(.failed(subject, "\(error)", "mend what is named above first"))
    }
    await connection.close()
    return findings + [await listening()]
  }

  private func server(_ connection: Connection, took: Duration) async -> Finding {
    let version = await connection.serverVersion
    let name = "PostgreSQL \(version / 10_000).\(version % 10_000)"
    let how = await connection.usesTLS ? "TLS" : "without TLS"
    let seen = "\(name), \(how), connected in \(took.milliseconds) ms"
    guard version >= Self.oldestServer else {
      return .failed("database", seen, "use PostgreSQL 13 or later")
    }
    return .ok("database", seen)
  }

  private func privileges(_ connection: Connection) async throws(PostgresError) -> Finding {
    guard let complaint = try await PrivilegeCheck(connection).complaint() else {
      return .ok("privileges", "what the daemon does is permitted")
    }
    return .failed("privileges", complaint, "let an administrator grant it")
  }

  private func schema(_ connection: Connection) async throws(PostgresError) -> Finding {
    let state = try await Migrator(connection).state()
    return state == .current
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
    let words = [account.reason, account.message].compactMap { $0 }.joined(separator: ": ")
    switch account.state {
    case "open": return [.ok("account", "open, \(account.workers) daemon(s) live")]
    case "paused": return [.warning("account", "paused: \(words)", "it goes on by itself")]
    default: return [.failed("account", "\(account.state): \(words)", "mend what it names")]
    }
  }

  /// Whether a wake arrives: the way of LISTEN may be another one, and a pooler may not pass it on.
  private func listening() async -> Finding {
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
