// LocalPostgres: a private PostgreSQL server in a temporary directory, for demos, benchmarks and
// tests. It needs the server's programs and knows nothing of the rest of codemint.
//
// Nothing of the machine's own PostgreSQL is touched: own directory, own port, own password. And
// nothing stays behind, however this process ends: the server runs under a guard
// (`GuardedProcess`) that stops it when its owner is gone, and a keeper (`DirectoryKeeper`) removes
// the directory when owner, guard and server are all gone. Both learn it from a pipe's end, which
// the kernel brings about even for SIGKILL.

import Foundation

/// A private server. It stops, and its directory goes, when the last reference or the process goes.
public actor LocalPostgres {
  /// The server's directory: sockets, log, data and, with TLS, certificate.
  public nonisolated let directory: String
  /// The server's TCP port on 127.0.0.1.
  public nonisolated let port: Int
  /// The database's superuser.
  public nonisolated let user = "postgres"

  private nonisolated let password: String
  let binaries: String
  let account: ServerAccount
  let options: Options
  private(set) var keeper: DirectoryKeeper?
  private(set) var server: GuardedProcess?
  private var postmaster: pid_t?
  private var isSuspended = false

  private init(site: ServerSite, port: Int, options: Options) {
    directory = site.directory
    password = site.password
    binaries = site.binaries
    account = site.account
    keeper = site.keeper
    self.port = port
    self.options = options
  }

  /// Makes and starts a server.
  /// - Throws: With the end of the server's log if it does not come up.
  public static func start(
    _ options: Options = Options()
  ) async throws(LocalPostgresError) -> LocalPostgres {
    let site = try await ServerSite.make(options)
    // Between finding a free port and the server's taking it somebody else may: then the next one.
    var attempts = 5
    while true {
      let port = try FreePort.find()
      let server = LocalPostgres(site: site, port: port, options: options)
      do throws(LocalPostgresError) {
        try await server.launch()
        return server
      } catch  where error.isPortTaken && attempts > 1 {
        attempts -= 1
      }
    }
  }

  /// Starts the server again after `stop`, on the same port.
  public func start() async throws(LocalPostgresError) {
    guard server == nil else {
      throw LocalPostgresError(.wrongState, "the server is running")
    }
    try await launch()
  }

  /// Stops the server; its directory stays until `remove` or the end of the process.
  public func stop(_ mode: StopMode = .fast) async throws(LocalPostgresError) {
    guard let server, let postmaster else { return }
    if isSuspended { resume() }
    let signal =
      switch mode {
      case .smart: SIGTERM
      case .fast: SIGINT
      case .immediate: SIGQUIT
      case .killed: SIGKILL
      }
    let children = ProcessTable.children(of: postmaster)
    if server.status == nil { kill(postmaster, signal) }
    // In a task of its own: who is cancelled still wants the server stopped.
    let deadline = options.deadline
    let isStopped = await Task {
      await Patience.wait(deadline) {
        // Children of a postmaster that was killed notice it by themselves, and a new one refuses
        // to start beside them.
        server.status != nil && !children.contains(where: ProcessTable.isAlive)
      }
    }.value
    guard isStopped else {
      throw LocalPostgresError(.stopFailed, "the server did not stop in time\n\(log.tail())")
    }
    self.server = nil
    self.postmaster = nil
  }

  /// Stops the server and starts it again, on the same port.
  public func restart(_ mode: StopMode = .fast) async throws(LocalPostgresError) {
    try await stop(mode)
    try await launch()
  }

  /// Stops every process of the server with SIGSTOP: it keeps its connections and answers nobody.
  public func suspend() {
    guard let postmaster else { return }
    isSuspended = true
    // The postmaster first: then no new children appear.
    kill(postmaster, SIGSTOP)
    for child in ProcessTable.children(of: postmaster) { kill(child, SIGSTOP) }
  }

  /// Lets a suspended server go on.
  public func resume() {
    guard let postmaster else { return }
    isSuspended = false
    for child in ProcessTable.children(of: postmaster) { kill(child, SIGCONT) }
    kill(postmaster, SIGCONT)
  }

  /// Stops the server and removes its directory. Nothing can be done with it afterwards.
  public func remove() async throws(LocalPostgresError) {
    try await stop(.immediate)
    await keeper?.release()
    keeper = nil
  }

  /// The process id of the postmaster while the server runs.
  public var processID: Int32? { postmaster }

  // MARK: Reaching it

  /// The URL of a database.
  public nonisolated func url(
    database: String = "postgres",
    over transport: Transport = .socket
  ) -> String {
    let name = database.percentEncoded
    return switch transport {
    case .socket: "postgresql://\(user)@/\(name)?host=\(directory.percentEncoded)&port=\(port)"
    case .tcp: "postgresql://\(user):\(password)@127.0.0.1:\(port)/\(name)"
    }
  }

  /// A command line for a person to look into a database with.
  public nonisolated func psqlCommand(database: String = "postgres") -> String {
    "psql -h \(directory) -p \(port) -U \(user) -d \(database)"
  }

  /// Makes an empty database.
  public func createDatabase(_ name: String) throws(LocalPostgresError) {
    try sql("CREATE DATABASE \"\(name.replacingOccurrences(of: "\"", with: "\"\""))\"")
  }

  /// Runs SQL text through psql, for what has to be said beside the connection under test. The
  /// calling thread waits for it.
  /// - Returns: The rows, unaligned and without heads.
  @discardableResult
  public nonisolated func sql(
    _ text: String,
    database: String = "postgres"
  ) throws(LocalPostgresError) -> String {
    try Command.output([
      "\(binaries)/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
      "-d", url(database: database), "-c", text,
    ]).trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// What psql prints for a query, as a person sees it: heads, columns, number of rows.
  public nonisolated func table(
    _ query: String,
    database: String = "postgres"
  ) throws(LocalPostgresError) -> String {
    try Command.output([
      "\(binaries)/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-P", "pager=off",
      "-d", url(database: database), "-c", query,
    ])
  }

  // MARK: Launching

  nonisolated var log: ServerLog { ServerLog(path: "\(directory)/server.log") }

  func launch() async throws(LocalPostgresError) {
    guard let share = keeper?.share else {
      throw LocalPostgresError(.wrongState, "the server has been removed")
    }
    let data = "\(directory)/data"
    // One that was killed has left its file behind.
    let predecessor = PostmasterFile(data: data)?.process
    let server = try GuardedProcess(
      account.command(["\(binaries)/postgres", "-D", data, "-p", "\(port)"]),
      log: log.path,
      heir: share
    )
    let isReady = await Patience.wait(options.deadline) {
      server.status != nil
        || PostmasterFile(data: data).map { $0.isReady && $0.process != predecessor } == true
    }
    guard isReady, server.status == nil, let file = PostmasterFile(data: data) else {
      throw LocalPostgresError(.startFailed, "the server did not come up\n\(log.tail())")
    }
    self.server = server
    postmaster = file.process
  }
}

extension String {
  /// The text as it may stand anywhere in a URL.
  fileprivate var percentEncoded: String {
    var text = ""
    for byte in utf8 {
      let character = Character(Unicode.Scalar(byte))
      if byte < 0x80, character.isLetter || character.isNumber || "-._~".contains(character) {
        text.append(character)
      } else {
        let digits = String(byte, radix: 16, uppercase: true)
        text += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
      }
    }
    return text
  }
}
