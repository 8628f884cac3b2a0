package import Foundation

/// Starts programs with exactly what they are given: files, environment, nothing else.
package enum Spawn {
  /// `POSIX_SPAWN_SETSID`, which glibc's headers show only to GNU sources.
  private static let newSession: Int32 = 0x80

  /// Starts a program.
  /// - Parameters:
  ///   - path: The program.
  ///   - arguments: Those after its name.
  ///   - environment: All that is in its environment.
  ///   - files: What it finds as descriptors 0, 1, 2 and so on; nil is `/dev/null`.
  ///   - ownSession: Whether it leads a session of its own, which no Ctrl-C of a terminal reaches.
  /// - Returns: Its process id.
  package static func run(
    _ path: String,
    _ arguments: [String],
    environment: [String: String],
    files: [Int32?],
    ownSession: Bool = false
  ) throws(LocalPostgresError) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (number, descriptor) in files.enumerated() {
      if let descriptor {
        posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
      } else {
        posix_spawn_file_actions_addopen(&actions, Int32(number), "/dev/null", O_RDWR, 0)
      }
    }
    // A descriptor that lived on in the program would stay open long after its owner closed it. Other
    // threads may open more meanwhile, hence the margin.
    for number in Int32(files.count)...(highestDescriptor() + 64) {
      posix_spawn_file_actions_addclose(&actions, number)
    }

    // This process may block or ignore signals by which the program is told to stop.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (ownSession ? newSession : 0)
    posix_spawnattr_setflags(&attributes, Int16(flags))

    var words = ([path] + arguments).map { strdup($0) } + [nil]
    var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer {
      for word in words { free(word) }
      for variable in variables { free(variable) }
    }
    var process: pid_t = 0
    let code = posix_spawn(&process, path, &actions, &attributes, &words, &variables)
    guard code == 0 else {
      throw LocalPostgresError(
        .commandFailed,
        "cannot start \(path): \(String(cString: strerror(code)))"
      )
    }
    return process
  }

  private static func highestDescriptor() -> Int32 {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return names.compactMap { Int32($0) }.max() ?? 3
  }

  /// Runs a shell script in a session of its own, for what stands beside a server.
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
    let output = try FileDescriptor.log(log)
    defer { withExtendedLifetime(output) {} }
    return try run(
      "/bin/sh",
      ["-c", script, "sh"] + arguments,
      environment: ProcessInfo.processInfo.environment,
      files: [nil, output.number, output.number, input.number] + (heir.map { [$0.number] } ?? []),
      ownSession: true
    )
  }
}

/// Runs short commands and reads what they print.
enum Command {
  /// Runs a program found in PATH and waits for it.
  /// - Returns: What it printed on standard output.
  static func output(_ arguments: [String]) throws(LocalPostgresError) -> String {
    let (reading, process) = try start(arguments)
    let pipe = FileHandle(fileDescriptor: reading.number, closeOnDealloc: false)
    let text = (try? pipe.readToEnd()) ?? Data()
    var status: Int32 = 0
    while waitpid(process, &status, 0) == -1, errno == EINTR {}
    guard status == 0 else {
      throw LocalPostgresError(.commandFailed, "\(arguments[0]) failed (wait status \(status))")
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// No other program that is started meanwhile inherits the writing end, so that reading ends with the
  /// command.
  private static func start(_ arguments: [String]) throws(LocalPostgresError) -> (
    FileDescriptor, pid_t
  ) {
    let (reading, writing) = try FileDescriptor.pipe()
    let process = try Spawn.run(
      "/usr/bin/env",
      arguments,
      environment: ProcessInfo.processInfo.environment,
      files: [nil, writing.number, nil]
    )
    return (reading, process)
  }
}

/// Owns an open file descriptor.
final class FileDescriptor: Sendable {
  let number: Int32

  /// `SOCK_CLOEXEC`, which the headers define as O_CLOEXEC.
  private static let closeOnExec = O_CLOEXEC

  private init(_ number: Int32) {
    self.number = number
  }

  deinit {
    close(number)
  }

  /// A pipe, both ends closed in any program that this process starts.
  ///
  /// In truth a pair of sockets, since a pipe cannot be made so in one step from Swift: another
  /// thread that starts a program between two steps would hand the ends on. Both are numbered from 10
  /// on, clear of the low numbers under which a child gets them.
  static func pipe() throws(LocalPostgresError) -> (
    reading: FileDescriptor, writing: FileDescriptor
  ) {
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | closeOnExec, 0, &ends) == 0 else {
      throw refused("a pipe")
    }
    let low = ends.map(FileDescriptor.init)
    return (try low[0].moved(), try low[1].moved())
  }

  /// A file to append to, made if it is not there; only its owner may read it.
  static func log(_ path: String) throws(LocalPostgresError) -> FileDescriptor {
    let number = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard number >= 0 else { throw refused(path) }
    return try FileDescriptor(number).moved()
  }

  private func moved() throws(LocalPostgresError) -> FileDescriptor {
    let copy = fcntl(number, F_DUPFD_CLOEXEC, 10)
    guard copy >= 0 else { throw Self.refused("a descriptor") }
    return FileDescriptor(copy)
  }

  private static func refused(_ what: String) -> LocalPostgresError {
    LocalPostgresError(
      .commandFailed,
      "the system refused \(what): \(String(cString: strerror(errno)))"
    )
  }
}
