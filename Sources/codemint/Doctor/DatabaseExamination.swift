import Glibc
import Ledger
import Postgres
import Provisioning

/// Checks that the daemon could work on the database.
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
      let refusal = error as? PostgresError
      return [
        .failed(
          subject,
          refusal?.words ?? "\(error)",
          refusal?.remedy ?? "check that database.url is right and that the server is up"
        )
      ]
    }
    let server = ServerExamination(
      version: ServerVersion(await connection.serverVersion),
      usesTLS: await connection.usesTLS,
      isVerified: place.verifiesServer,
      isHere: await connection.staysOnThisMachine,
      took: clock.now - start
    )
    var findings = [server.finding]
    do {
      let state = try await Migrator(connection).state()
      let remedy = await Migrator(connection).remedy(of: state)
      findings += [try await privileges(connection, for: state), schema(state, remedy)]
      findings += [
        try await encoding(connection), try await clocks(connection),
        try await connections(connection),
      ]
      findings += try await trials(connection, for: state)
      findings += try await account(connection)
    } catch {
      let isFirst = !findings.contains { $0.verdict == .failed }
      findings.append(
        .failed(
          subject,
          "\(error)",
          isFirst
            ? "correct what the message names, and run codemint doctor again"
            : "correct the failed lines above first"
        )
      )
    }
    await connection.close()
    return findings
  }

  private func privileges(
    _ connection: Connection,
    for state: SchemaState
  ) async throws(PostgresError) -> Finding {
    guard state == .current else {
      return .warning(
        "privileges",
        "not checked, because the schema is not the one that this version needs",
        "correct the schema first"
      )
    }
    guard let complaint = try await PrivilegeCheck(connection).complaint() else {
      return .ok("privileges", "the login may do everything that the daemon does")
    }
    return .failed(
      "privileges",
      complaint,
      "run doctor as the daemon's login (docs/operations.md, \"Commands on this host\"); only if this is that "
        + "login, let an administrator grant the privilege"
    )
  }

  /// What is allowed on paper is also tried: the server may take no writes, and somebody's trigger or
  /// lock may refuse.
  private func trials(
    _ connection: Connection,
    for state: SchemaState
  ) async throws(PostgresError) -> [Finding] {
    let subject = "trial"
    let trial = Trial(connection)
    if let refusal = try await trial.refusalOfWrites() {
      let name = try await connection.query("SELECT quote_ident(current_database())").one().text(0)
      return [
        .failed(
          subject,
          refusal,
          "let database.url name every server and end with target_session_attrs=read-write; if this is "
            + "the primary, BEGIN READ WRITE; ALTER DATABASE \(name) RESET default_transaction_read_only; COMMIT;"
        )
      ]
    }
    guard state == .current else { return [] }
    return try await trial.outcomes().map(TrialFinding.finding)
  }

  /// Text that is not UTF-8 could be stored in another encoding, and never be sent.
  private func encoding(_ connection: Connection) async throws(PostgresError) -> Finding {
    let encoding = try await DoctorQueries(connection).encoding()
    guard encoding == DoctorQueries.requiredEncoding else {
      return .failed(
        "encoding",
        "the database has the encoding \(encoding)",
        "move the ledger to a database with ENCODING 'UTF8'"
      )
    }
    return .ok("encoding", "the database is UTF8")
  }

  private func schema(_ state: SchemaState, _ remedy: String) -> Finding {
    switch state {
    case .current: .ok("schema", remedy)
    case .damaged: .failed("schema", remedy, "run the statements that it names")
    case .behind, .ahead, .altered, .otherCode, .drifted:
      .failed("schema", remedy, "bring the schema and this version of codemint together")
    }
  }

  /// Leases and slots use only the database's clock, so a difference does no harm but is confusing.
  private func clocks(_ connection: Connection) async throws(PostgresError) -> Finding {
    let before = Self.now
    let theirs = try await DoctorQueries(connection).clock()
    let after = Self.now
    let offset = theirs - (before + after) / 2
    let seen =
      "the database's clock is \(Setting.plain((offset * 1000).rounded())) ms ahead of this one"
    guard abs(offset) > 5 else { return .ok("clocks", seen) }
    return .warning(
      "clocks",
      seen,
      "synchronise both clocks; nothing breaks, but times in logs differ"
    )
  }

  private static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private func connections(_ connection: Connection) async throws(PostgresError) -> Finding {
    let (free, most) = try await DoctorQueries(connection).connections()
    let needed =
      min(settings.limits.maxInFlight, 8) + 6 + (settings.webhooks.receivers.isEmpty ? 0 : 2)
    let seen = "\(free) of \(most) connections are free, a daemon needs up to \(needed)"
    guard free >= needed else {
      return .warning(
        "connections",
        seen,
        "end sessions that nobody needs, or raise max_connections"
      )
    }
    return .ok("connections", seen)
  }

  private func account(_ connection: Connection) async throws(PostgresError) -> [Finding] {
    guard try await Migrator(connection).state() == .current else { return [] }
    let queries = DoctorQueries(connection)
    return [Self.finding(try await queries.account())]
      + Self.findings(try await queries.silencers()) + Self.findings(try await queries.facts())
      + Self.findings(try await queries.figures(), settings)
      + Self.findings(try await queries.webhooks())
  }

  /// What can keep rows out. Of a trigger nobody sees whether it does.
  static func findings(_ silencers: [Silencer]) -> [Finding] {
    let subject = "own triggers"
    guard !silencers.isEmpty else {
      return [
        .ok(subject, "no trigger, rule or policy of anybody's own can keep rows out in silence")
      ]
    }
    return silencers.map { silencer in
      silencer.keepsOut
        ? .failed(subject, "\(silencer.what) keeps rows out in silence", silencer.whatHelps)
        : .warning(
          subject,
          "\(silencer.what) may change rows, or keep them out in silence",
          "make sure that its function returns NEW; else \(silencer.whatHelps)"
        )
    }
  }

  /// What webhooks did not take. That they are down is no reason not to start.
  static func findings(_ webhooks: [WebhookFigures]) -> [Finding] {
    webhooks.map { webhook in
      let subject = "webhook \(webhook.name)"
      let seen =
        "\(webhook.state), \(webhook.waiting) event(s) wait, \(webhook.dead) dead letter(s)"
      let words = [seen, webhook.error].compactMap { $0 }.joined(separator: ": ")
      guard webhook.error != nil || webhook.dead > 0 else { return .ok(subject, words) }
      return .warning(
        subject,
        words,
        webhook.dead > 0
          ? "mend the receiver, then run codemint webhook resend \(webhook.name)"
          : "mend the receiver; codemint webhook test \(webhook.name) tries it"
      )
    }
  }

  /// Settings that what was seen of the API contradicts.
  static func findings(_ figures: APIFigures, _ settings: Settings) -> [Finding] {
    var findings: [Finding] = []
    if let lag = figures.listLag, lag >= settings.listingGap {
      let gap = Setting.plain(settings.listingGap.seconds)
      findings.append(
        .warning(
          Setting.listingGap.rawValue,
          "it is \(gap) seconds, and a list was \(lag.components.seconds) seconds behind an answer",
          Setting.raisedListingGap(for: lag)
        )
      )
    }
    if let rate = figures.requestsPerSecond, rate < settings.limits.requestsPerSecond {
      let own = Setting.plain(settings.limits.requestsPerSecond)
      findings.append(
        .warning(
          Setting.requestsPerSecond.rawValue,
          "it is \(own), and the API's headers allow \(Setting.plain(rate)) requests per second",
          "lower it to \(Setting.plain((rate * 100).rounded(.down) / 100))"
        )
      )
    }
    if let longest = figures.longestCall, longest * 2 > settings.api.timeout {
      let timeout = Setting.plain(settings.api.timeout.seconds)
      findings.append(
        .warning(
          Setting.apiTimeout.rawValue,
          "it is \(timeout) seconds, and of the last calls one took \(longest.milliseconds) ms",
          "raise it to \(min(600, longest.components.seconds * 4 + 1)) or more"
        )
      )
    }
    return findings
  }

  /// What has been seen of the API, and what it means; what differs from the API's documents is a warning.
  static func findings(_ facts: [ObservedFact]) -> [Finding] {
    let subject = "API facts"
    guard !facts.isEmpty else { return [.ok(subject, "no answer and no list has been seen yet")] }
    return facts.map { fact in
      let seen = "\(fact.seen) (since \(fact.since), \(fact.witnesses) witness(es))"
      let words = [seen, fact.means].compactMap { $0 }.joined(separator: ". ")
      switch fact.state {
      case .documented:
        return .ok(subject, words)
      case .differs:
        return .warning(
          subject,
          words,
          fact.fact == "list_lag"
            ? "raise \(Setting.listingGap.rawValue)" : "nothing; codemint takes it into account"
        )
      case .contradicted:
        return .warning(
          subject,
          "contradicted: \(words)",
          "follow \"CodemintAPIContradicted\" in docs/operations.md"
        )
      }
    }
  }

  private static func finding(_ account: AccountStatus) -> Finding {
    let words = [account.reason, account.message].compactMap { $0 }
    let seen = ([account.state] + words).joined(separator: ": ")
    let subject = "account"
    switch account.state {
    case "open" where !account.isDaemonAtWork:
      return .warning(subject, "open, no daemon is alive", "systemctl start codemint")
    case "open": return .ok(subject, "open, \(account.workers) daemon(s) alive")
    case "upgrading":
      return .warning(subject, seen, "wait: sending continues when codemint migrate is done")
    case "paused": return .warning(subject, seen, "wait: sending continues by itself")
    case "trying":
      let remedy = "wait: one call is sent at a time until one succeeds"
      return .warning(subject, seen, remedy)
    case "spent":
      return .warning(subject, seen, "nothing; codemint.set_codes_per_day raises the limit")
    case "unaccepted":
      let remedy = "if you want to buy the queue, run codemint accept-api; else cancel its jobs"
      return .failed(subject, seen, remedy)
    case "failing":
      let remedy = "ask the API's vendor; sending continues by itself when the API answers again"
      return .failed(subject, seen, remedy)
    case "blocked":
      return .failed(subject, seen, "set a key that the API accepts, and restart codemint")
    case "suspended":
      let remedy =
        "follow \"Back up and restore\" in docs/operations.md, which ends with codemint.accept_cluster"
      return .failed(subject, seen, remedy)
    default:
      return .failed(subject, seen, "install the codemint that knows this state of the schema")
    }
  }
}

/// What connecting shows of the database's server.
struct ServerExamination {
  let version: ServerVersion
  let usesTLS: Bool
  /// Whether the server's certificate was verified.
  let isVerified: Bool
  /// Whether the server is on this machine, so that no network is in between.
  let isHere: Bool
  /// The time that connecting took.
  let took: Duration

  var finding: Finding {
    let subject = "database"
    let seen = "\(version), \(way), connected in \(took.milliseconds) ms"
    if let remedy = version.remedy { return .failed(subject, seen, remedy) }
    if isHere || usesTLS && isVerified { return .ok(subject, seen) }
    let danger =
      usesTLS
      ? "an attacker in the network can pretend to be the server"
      : "an attacker in the network can read the codes and pretend to be the server"
    return .warning(
      subject,
      "\(seen): \(danger)",
      "set sslmode=verify-full in database.url, with sslrootcert if the authority is private"
    )
  }

  private var way: String {
    switch (usesTLS, isHere) {
    case (true, _): isVerified ? "TLS, certificate verified" : "TLS, certificate not verified"
    case (false, true): "on this machine"
    case (false, false): "on another machine without TLS"
    }
  }
}

/// Checks that notifications arrive. LISTEN may use another route than the daemon's statements, and a
/// pooler may not pass notifications on.
struct WakeExamination {
  let settings: Settings

  func finding() async -> Finding {
    let subject = "wakes"
    do {
      let connection = try await Connection.open(settings.listenSettings())
      let caller = try await Connection.open(settings.connectionSettings())
      // There is nobody to ask before the schema is there.
      let unread = (try? await DoctorQueries(caller).unread()) ?? nil
      let arrived = unread == nil ? try await DoctorQueries(connection).hears(caller) : false
      await caller.close()
      await connection.close()
      if let unread {
        return .warning(
          subject,
          unread,
          "end the session that listens in an open transaction; until then, polling finds new jobs"
        )
      }
      if arrived { return .ok(subject, "a NOTIFY arrives") }
      return .warning(
        subject,
        "a NOTIFY does not arrive; perhaps a pooler in transaction mode is in between, or "
          + "database.listen_url leads to another database",
        "set database.listen_url to the server's own address; until then, polling finds new jobs"
      )
    } catch {
      return .warning(
        subject,
        "LISTEN does not work: \(error)",
        "correct database.listen_url; until then, polling finds new jobs"
      )
    }
  }
}
