import Foundation

/// Runs short commands and reads what they print.
enum Command {
  /// Runs a program found in PATH and waits for it.
  /// - Returns: What it printed on standard output.
  static func output(_ arguments: [String]) throws(LocalPostgresError) -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    let text: Data
    do {
      try process.run()
      text = try pipe.fileHandleForReading.readToEnd() ?? Data()
    } catch {
      throw LocalPostgresError(.commandFailed, "cannot run \(arguments[0]): \(error)")
    }
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw LocalPostgresError(
        .commandFailed,
        "\(arguments[0]) ended with status \(process.terminationStatus)"
      )
    }
    return String(decoding: text, as: UTF8.self)
  }
}
