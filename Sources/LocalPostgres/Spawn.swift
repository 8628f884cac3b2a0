import Foundation

/// Starts the small shells that stand beside a server.
enum Spawn {
  /// `POSIX_SPAWN_SETSID`, which glibc's headers show only to GNU sources.
  private static let newSession: Int32 = 0x80

  /// Runs a shell script in a session of its own.
  /// - Parameters:
  ///   - arguments: The script's `$1` and so on.
  ///   - input: What the script finds as descriptor 3.
  ///   - heir: What it finds as descriptor 4.
  ///   - log: The file for both its outputs, appended to.
  /// - Returns: The shell's process id.
  static func shell(
    _ script: String,
    _ arguments: [String],
    input: FileDescriptor,
    heir: FileDescriptor? = nil,
    log: String
  ) throws(LocalPostgresError) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    posix_spawn_file_actions_adddup2(&actions, input.number, 3)
    if let heir { posix_spawn_file_actions_adddup2(&actions, heir.number, 4) }
    // Nobody else's descriptors: a guard would keep them open long after their owner closed them.
    for number in openDescriptors() where number > (heir == nil ? 3 : 4) {
      posix_spawn_file_actions_addclose(&actions, number)
    }

    // The owner may block or ignore signals by which the server is told to stop.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(
      &attributes,
      Int16(newSession | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)
    )

    var words = (["/bin/sh", "-c", script, "sh"] + arguments).map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    var process: pid_t = 0
    let code = posix_spawn(&process, "/bin/sh", &actions, &attributes, words, environment())
    guard code == 0 else {
      throw LocalPostgresError(
        .commandFailed,
        "cannot start /bin/sh: \(String(cString: strerror(code)))"
      )
    }
    return process
  }

  private static func openDescriptors() -> [Int32] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return names.compactMap { Int32($0) }
  }

  /// The caller's environment. A server takes its port and data directory from PG* variables too,
  /// but what is given on its command line wins.
  private static func environment() -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? {
    environ
  }
}
