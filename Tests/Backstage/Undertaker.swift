package import Foundation
import LocalPostgres

/// Ends what tests have started if the tests themselves are killed: a small shell that is told each
/// birth and each end, and kills whoever is left when the pipe ends.
package enum Undertaker {
  private static let script = """
    left=' '
    while read -r event process; do
      case $event in
        born) left="$left$process " ;;
        ended) left="${left%% $process *} ${left#* $process }" ;;
      esac
    done
    kill -KILL $left 2>/dev/null
    """

  private static let pipe: Int32? = {
    guard let (reading, writing) = try? Spawn.pipe() else { return nil }
    // In the test runner's own session a Ctrl-C would end it first. Init reaps it: it outlives this
    // process.
    let process = try? Spawn.run(
      "/bin/sh",
      ["-c", script],
      environment: [:],
      files: [reading, nil, nil],
      ownSession: true
    )
    close(reading)
    return process == nil ? nil : writing
  }()

  /// A process that has to end with the tests.
  package static func born(_ process: pid_t) { tell("born \(process)\n") }

  /// It has ended, and its id may be somebody else's by now.
  package static func ended(_ process: pid_t) { tell("ended \(process)\n") }

  /// A line this short is written whole, whoever else writes.
  private static func tell(_ line: String) {
    guard let pipe else { return }
    _ = write(pipe, line, line.utf8.count)
  }
}
