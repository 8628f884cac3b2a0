package import Foundation

/// The system refused something that a test needs.
package struct SystemRefusal: Error, CustomStringConvertible {
  package let description: String

  /// - Parameter number: What the call left in `errno`.
  package init(_ call: String, _ number: Int32 = errno) {
    description = "\(call): \(String(cString: strerror(number)))"
  }
}

/// Starts programs with exactly what they are given: environment, outputs, nothing else.
package enum Spawn {
  /// - Parameters:
  ///   - path: The program.
  ///   - arguments: Those after its name.
  ///   - input: What it reads; nothing if nil.
  ///   - output: Where it writes to people.
  ///   - errors: Where it complains and logs.
  /// - Returns: Its process id.
  package static func run(
    _ path: String,
    _ arguments: [String],
    environment: [String: String] = [:],
    input: Int32? = nil,
    output: Int32? = nil,
    errors: Int32? = nil
  ) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (number, descriptor) in [input, output, errors].enumerated() {
      if let descriptor {
        posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
      } else {
        posix_spawn_file_actions_addopen(&actions, Int32(number), "/dev/null", O_RDWR, 0)
      }
    }
    // A socket of the stand-in that lived on in here would keep a port open that a test has closed.
    for number in 3...highestDescriptor() + 64 {
      posix_spawn_file_actions_addclose(&actions, number)
    }

    // Whatever this process blocks or ignores, a program is started as from a shell.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    var words = ([path] + arguments).map { strdup($0) } + [nil]
    var settings = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer {
      for word in words { free(word) }
      for setting in settings { free(setting) }
    }
    var process: pid_t = 0
    let code = posix_spawn(&process, path, &actions, &attributes, &words, &settings)
    guard code == 0 else { throw SystemRefusal("start \(path)", code) }
    return process
  }

  private static func highestDescriptor() -> Int32 {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return names.compactMap { Int32($0) }.max() ?? 3
  }

  /// A pipe whose ends no other program inherits.
  package static func pipe() throws -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [-1, -1]
    guard Glibc.pipe(&ends) == 0 else { throw SystemRefusal("pipe") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }
}
