import Foundation
import LocalPostgres

/// The database: a primary and a standby that follows it, on two ports that never change.
actor Cluster {
  /// What has been done to it.
  struct Tally: Sendable {
    var restarts = 0
    var suspensions = 0
    var promotions = 0
    var diskFull = 0
    var terminatedBackends = 0
    /// Bytes of the log that promotions lost.
    var lostBytes = 0
    /// Calls that promotions lost.
    var lostCalls = 0
  }

  static let database = "codemint"

  private(set) var tally = Tally()
  private let servers: [LocalPostgres]
  private var primaryPlace = 0
  private var isSuspended = false
  private let isSynchronous: Bool

  private var primary: LocalPostgres { servers[primaryPlace] }
  private var standby: LocalPostgres { servers[1 - primaryPlace] }

  /// Starts both servers.
  /// - Parameters:
  ///   - disks: Where two small file systems are, for the servers to fill up.
  ///   - settings: More lines for both servers' configuration.
  init(isSynchronous: Bool, disks: String?, settings: [String]) async throws {
    var servers: [LocalPostgres] = []
    for name in ["a", "b"] {
      var options = LocalPostgres.Options()
      options.configuration =
        [
          "max_connections = 300", "max_wal_size = 128MB", "min_wal_size = 32MB",
          "wal_keep_size = 64MB", "wal_retrieve_retry_interval = 200ms",
          "log_min_messages = error", "log_min_error_statement = panic",
        ] + settings
      // A machine that is busy with a storm takes its time for a base backup.
      options.deadline = .seconds(300)
      if let disks { options.parentDirectory = "\(disks)/\(name)" }
      servers.append(try await LocalPostgres.start(options))
    }
    self.servers = servers
    self.isSynchronous = isSynchronous
    try await servers[0].createDatabase(Self.database)
    try await servers[1].stop(.immediate)
    try await followUp()
  }

  /// How daemons reach whichever server can be written to.
  nonisolated var url: String {
    let one = "127.0.0.1:\(servers[0].port)"
    return servers[0].url(database: Self.database, over: .tcp)
      .replacing(one, with: "\(one),127.0.0.1:\(servers[1].port)")
      + "?target_session_attrs=read-write"
  }

  /// Gives the servers back.
  func remove() async {
    for server in servers { try? await server.remove() }
  }

  // MARK: Bad weather

  /// Stops the primary in the middle of everything, and starts it again after a while.
  func restart(_ mode: LocalPostgres.StopMode, after pause: Duration) async throws {
    try await primary.stop(mode)
    try await Time.pass(pause)
    try await primary.start()
    tally.restarts += 1
  }

  /// The primary answers nobody for a while, and keeps its connections.
  func suspend(for pause: Duration) async throws {
    isSuspended = true
    await primary.suspend()
    try await Time.pass(pause)
    await primary.resume()
    isSuspended = false
    tally.suspensions += 1
  }

  /// Throws everybody off.
  func terminateBackends() {
    // A suspended server would keep whoever asks, and with it this actor, from ever resuming it.
    guard !isSuspended else { return }
    let everybody = """
      SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
      WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
      """
    // A server that is not there has thrown everybody off already.
    let number = (try? primary.sql(everybody)).flatMap { Int($0) }
    tally.terminatedBackends += number ?? 0
  }

  /// Kills the primary, promotes the standby, and makes the old primary follow the new one.
  func promote(_ mode: LocalPostgres.StopMode) async throws {
    if !isSynchronous { try await fallBehind() }
    try await primary.stop(mode)
    try standby.promote()
    primaryPlace = 1 - primaryPlace
    tally.promotions += 1
    if !isSynchronous { tally.lostCalls -= calls }
    // Both servers are needed for the next time.
    try await followUp()
  }

  /// The standby gets no more of what is committed.
  private func fallBehind() async throws {
    try standby.sql("ALTER SYSTEM SET primary_conninfo = ''")
    try standby.sql("SELECT pg_reload_conf()")
    try await Time.pass(.milliseconds(1500))
    let received = try standby.sql("SELECT pg_last_wal_receive_lsn()")
    let behind = "SELECT pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '\(received)')"
    tally.lostBytes += Int(try primary.sql(behind)) ?? 0
    tally.lostCalls += calls
  }

  private var calls: Int {
    let number = try? primary.sql("SELECT count(*) FROM codemint.calls", database: Self.database)
    return number.flatMap { Int($0) } ?? 0
  }

  private func followUp() async throws {
    let (primary, standby) = (primary, standby)
    try await standby.stop(.immediate)
    try await standby.follow(primary)
    let streams = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
    let isFollowing = try await Time.pass(atMost: .seconds(30)) {
      try primary.sql(streams) == "1"
    }
    guard isFollowing else { throw Broken(what: "the standby does not follow") }
    if isSynchronous {
      try primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
      try primary.sql("SELECT pg_reload_conf()")
    }
  }

  /// The primary's disk is full for a while. A server that dies of it is started again.
  func fillDisk(for pause: Duration) async throws {
    let ballast = "\(primary.directory)/ballast"
    try Self.fill(ballast)
    try await Time.pass(pause)
    try FileManager.default.removeItem(atPath: ballast)
    tally.diskFull += 1
    let primary = primary
    let isThere = try await Time.pass(atMost: .seconds(5)) {
      (try? primary.sql("SELECT 1")) == "1"
    }
    if !isThere { try await primary.restart(.killed) }
  }

  private static func fill(_ path: String) throws {
    let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw Broken(what: "cannot fill the disk with \(path)") }
    let block = [UInt8](repeating: 0x55, count: 65_536)
    var size = block.count
    while size > 0 {
      if write(file, block, size) < size { size /= 2 }
    }
    close(file)
  }

  /// How often a server has met a full disk, by its own log.
  nonisolated var refusalsOfFullDisk: Int {
    servers.reduce(0) { sum, server in
      let log =
        (try? String(contentsOfFile: "\(server.directory)/server.log", encoding: .utf8)) ?? ""
      return sum + log.split(separator: "\n").count { $0.contains("No space left on device") }
    }
  }
}

/// The storm itself cannot go on.
struct Broken: Error, CustomStringConvertible {
  let what: String

  var description: String { what }
}
