import Foundation

/// A directory with everything that a server needs to start, and what one must know to start it.
struct ServerSite: Sendable {
  let directory: String
  let password: String
  let binaries: String
  let account: ServerAccount
  let keeper: DirectoryKeeper

  /// Makes the directory and the database cluster within.
  static func make(_ options: LocalPostgres.Options) async throws(LocalPostgresError) -> ServerSite
  {
    let binaries = try ServerBinaries.directory()
    let account = try ServerAccount.choose()
    let directory = try makeDirectory(in: options.parentDirectory)
    let keeper: DirectoryKeeper
    do throws(LocalPostgresError) {
      keeper = try DirectoryKeeper(directory)
    } catch {
      rmdir(directory)
      throw error
    }
    let site = ServerSite(
      directory: directory,
      password: makePassword(),
      binaries: binaries,
      account: account,
      keeper: keeper
    )
    try site.give(directory, mode: 0o700)
    try await site.initialize(options)
    try site.configure(options)
    return site
  }

  private static func makeDirectory(in parent: String) throws(LocalPostgresError) -> String {
    var template = Array("\(parent)/codemint-pg-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw LocalPostgresError(
        .directoryFailed,
        "cannot make a directory in \(parent): \(String(cString: strerror(errno)))"
      )
    }
    let directory = String(
      decoding: template.dropLast().map { UInt8(bitPattern: $0) },
      as: UTF8.self
    )
    // `sockaddr_un` has 108 bytes, the last of them a zero.
    guard "\(directory)/.s.PGSQL.65535".utf8.count <= 107 else {
      rmdir(directory)
      throw LocalPostgresError(.directoryFailed, "the path of \(parent) is too long for a socket")
    }
    return directory
  }

  private static func makePassword() -> String {
    var random = SystemRandomNumberGenerator()
    let alphabet = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    return String((0..<32).compactMap { _ in alphabet.randomElement(using: &random) })
  }

  private func initialize(_ options: LocalPostgres.Options) async throws(LocalPostgresError) {
    let secret = "\(directory)/password"
    try write(password, to: secret)
    let log = ServerLog(path: "\(directory)/initdb.log")
    var arguments = [
      "\(binaries)/initdb", "-D", "\(directory)/data", "-U", "postgres", "-E", "UTF8",
      "--locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256",
      "--pwfile=\(secret)",
    ]
    // What durability is worth is decided later; nothing of a cluster this young is worth a sync.
    arguments.append("--no-sync")
    let initdb = try GuardedProcess(account.command(arguments), log: log.path, heir: keeper.share)
    guard await Patience.wait(options.deadline, until: { initdb.status != nil }) else {
      throw LocalPostgresError(.startFailed, "initdb did not end in time\n\(log.tail())")
    }
    unlink(secret)
    guard initdb.status == 0 else {
      throw LocalPostgresError(.startFailed, "initdb failed\n\(log.tail())")
    }
  }

  private func configure(_ options: LocalPostgres.Options) throws(LocalPostgresError) {
    var lines = [
      "listen_addresses = '127.0.0.1'",
      "unix_socket_directories = '\(directory)'",
      "logging_collector = off",
      "lc_messages = 'C'",
    ]
    switch options.durability {
    case .durable: break
    case .fast: lines += ["fsync = off", "full_page_writes = off"]
    }
    if let tls = options.tls {
      try copy(tls.certificate, to: "\(directory)/server.crt")
      try copy(tls.key, to: "\(directory)/server.key")
      lines += [
        "ssl = on", "ssl_cert_file = '\(directory)/server.crt'",
        "ssl_key_file = '\(directory)/server.key'",
      ]
    }
    let path = "\(directory)/data/postgresql.conf"
    let given = FileManager.default.contents(atPath: path) ?? Data()
    let all = (lines + options.configuration).joined(separator: "\n") + "\n"
    try write(String(decoding: given, as: UTF8.self) + "\n" + all, to: path)
  }

  private func copy(_ source: String, to path: String) throws(LocalPostgresError) {
    guard let content = FileManager.default.contents(atPath: source) else {
      throw LocalPostgresError(.directoryFailed, "cannot read \(source)")
    }
    try write(String(decoding: content, as: UTF8.self), to: path)
  }

  /// Writes a file that only the server may read.
  private func write(_ text: String, to path: String) throws(LocalPostgresError) {
    let isWritten = FileManager.default.createFile(
      atPath: path,
      contents: Data(text.utf8),
      attributes: [.posixPermissions: 0o600]
    )
    guard isWritten else { throw LocalPostgresError(.directoryFailed, "cannot write \(path)") }
    try give(path, mode: 0o600)
  }

  private func give(_ path: String, mode: mode_t) throws(LocalPostgresError) {
    guard chmod(path, mode) == 0, !account.isOther || chown(path, account.user, account.group) == 0
    else {
      throw LocalPostgresError(
        .directoryFailed,
        "cannot hand \(path) over: \(String(cString: strerror(errno)))"
      )
    }
  }
}

/// The account that the server runs under. PostgreSQL refuses to run as root.
struct ServerAccount: Sendable {
  let user: uid_t
  let group: gid_t

  /// Whether the server has to change to the account first.
  let isOther: Bool

  /// The caller's own account, or for root that of `postgres`, or else of `nobody`.
  static func choose() throws(LocalPostgresError) -> ServerAccount {
    guard getuid() == 0 else {
      return ServerAccount(user: getuid(), group: getgid(), isOther: false)
    }
    for name in ["postgres", "nobody"] {
      if let entry = getpwnam(name) {
        return ServerAccount(user: entry.pointee.pw_uid, group: entry.pointee.pw_gid, isOther: true)
      }
    }
    throw LocalPostgresError(
      .startFailed,
      "PostgreSQL refuses to run as root, and there is no user postgres or nobody"
    )
  }

  /// The command that runs `arguments` under the account. `setpriv` is part of util-linux, which
  /// every Debian has.
  func command(_ arguments: [String]) -> [String] {
    guard isOther else { return arguments }
    return [
      "/usr/bin/setpriv", "--reuid=\(user)", "--regid=\(group)", "--clear-groups", "--",
    ] + arguments
  }
}

/// Finds the server's programs, which distributions keep out of PATH.
enum ServerBinaries {
  private static let needed = ["initdb", "postgres", "psql"]

  /// The directory that holds them.
  /// - Throws: `binariesMissing`, naming the package that brings them.
  static func directory() throws(LocalPostgresError) -> String {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    let inPath = path.split(separator: ":").map(String.init)
    if let directory = inPath.first(where: isComplete) ?? elsewhere().first(where: isComplete) {
      return directory
    }
    throw LocalPostgresError(
      .binariesMissing,
      "found no PostgreSQL server (initdb, postgres, psql) in PATH, through pg_config or in "
        + "/usr/lib/postgresql; on Debian and Ubuntu: apt-get install postgresql"
    )
  }

  private static func elsewhere() -> [String] {
    let told = try? Command.output(["pg_config", "--bindir"])
    let root = "/usr/lib/postgresql"
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    let newestFirst = versions.sorted { (Double($0) ?? 0) > (Double($1) ?? 0) }
    return [told?.trimmingCharacters(in: .whitespacesAndNewlines)].compactMap { $0 }
      + newestFirst.map { "\(root)/\($0)/bin" }
  }

  private static func isComplete(_ directory: String) -> Bool {
    needed.allSatisfy { FileManager.default.isExecutableFile(atPath: "\(directory)/\($0)") }
  }
}
