import Foundation

/// Hosts that are network namespaces, each with two cables to this one: to the database and to the API.
///
/// It is built in a namespace that `scripts/hosts` has made for it, and goes with that.
struct Network: Sendable {
  /// What a cable leads to.
  enum Cable: String, CaseIterable, Sendable {
    case database = "d"
    case api = "a"

    fileprivate var network: Int { self == .database ? 77 : 78 }
  }

  /// How far ahead the last host's clock is.
  static let clockAhead = "+300s"

  let hosts: Int
  private let directory: String
  private let faketime: String

  /// - Parameters:
  ///   - directory: For the hosts' files.
  ///   - faketime: The library that makes a clock wrong.
  init(hosts: Int, directory: String, faketime: String) throws {
    self.hosts = hosts
    self.directory = directory
    self.faketime = faketime
    for host in 1...hosts {
      try Self.ip("netns add h\(host)")
      try Self.ip("-n h\(host) link set lo up")
      for cable in Cable.allCases {
        let (here, there) = ("\(cable.rawValue)\(host)", "\(cable.rawValue)\(host)x")
        let network = "10.\(cable.network).\(host)"
        try Self.ip("link add \(here) type veth peer name \(there) netns h\(host)")
        try Self.ip("addr add \(network).1/30 dev \(here)")
        try Self.ip("link set \(here) up")
        try Self.ip("-n h\(host) addr add \(network).2/30 dev \(there)")
        try Self.ip("-n h\(host) link set \(there) up")
      }
      // Plain http is for this machine only, so this is what the API's machine is called there.
      try "10.\(Cable.api.network).\(host).1 localhost\n"
        .write(toFile: hostsFile(host), atomically: true, encoding: .utf8)
    }
  }

  /// Pulls a cable out, or puts it back. Whoever sends into it hears nothing.
  func set(_ cable: Cable, of host: Int, isUp: Bool) throws {
    try Self.ip("link set \(cable.rawValue)\(host) \(isUp ? "up" : "down")")
  }

  /// How a daemon is started on a host. The clock of the last one is wrong.
  /// - Parameter command: The daemon's program and arguments.
  func berth(_ host: Int, command: [String], environment: [String: String], port: Int) -> Berth {
    var environment = environment
    // With no more than these in the way the process stays the same one, so that signals reach it.
    let script = """
      mount --bind "$1" /etc/hosts && hostname "$2" && shift && exec ip netns exec "$@"
      """
    environment["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    environment["CODEMINT_API_BASE_URL"] = "http://localhost:\(port)"
    environment["CODEMINT_DATABASE_URL"] = environment["CODEMINT_DATABASE_URL"]?
      .replacing("@127.0.0.1", with: "@10.\(Cable.database.network).\(host).1")
      .replacing(",127.0.0.1", with: ",10.\(Cable.database.network).\(host).1")
    var words = ["--mount", "--uts", "--propagation", "private", "sh", "-c", script, "sh"]
    words += [hostsFile(host), "h\(host)"]
    if host == hosts {
      // Only what tells the date is shifted: timers are not a matter of a wrong clock. The second env
      // goes through what the library does in its first process: it moves the environment, and a
      // Swift program finds its arguments by where that was.
      words += [
        "env", "LD_PRELOAD=\(faketime)", "FAKETIME=\(Self.clockAhead)",
        "FAKETIME_DONT_FAKE_MONOTONIC=1", "env",
      ]
    }
    return Berth(program: "/usr/bin/unshare", arguments: words + command, environment: environment)
  }

  /// Lets the servers be reached from the hosts.
  static func serverSettings(directory: String) throws -> [String] {
    let access = "\(directory)/pg_hba.conf"
    try "local all all trust\nlocal replication all trust\nhost all all 10.0.0.0/8 scram-sha-256\n"
      .appending("host all all 127.0.0.1/32 scram-sha-256\n")
      .write(toFile: access, atomically: true, encoding: .utf8)
    return ["listen_addresses = '*'", "hba_file = '\(access)'"]
  }

  private func hostsFile(_ host: Int) -> String { "\(directory)/hosts.\(host)" }

  private static func ip(_ words: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["ip"] + words.split(separator: " ").map(String.init)
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Broken(what: "ip \(words): status \(process.terminationStatus)")
    }
  }
}
