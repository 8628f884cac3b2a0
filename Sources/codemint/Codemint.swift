// codemint, the executable: commands, settings, wiring, and nothing that decides about calls.
//
// `Codemint` is the root of the commands (Commands/). `run` loads the Settings, builds a `Daemon`
// (Daemon/) out of the other modules and runs it until a signal; `demo` (Demo/) does the same
// against a private Postgres and a sandbox. Console/ is what people see on a terminal, Logging/
// what goes to the journal, Systemd/ how the service manager is told, Exit/ with what status a
// command ends.

import ArgumentParser
import CMalloc
import Glibc

/// The root of all commands.
@main
struct Codemint: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "codemint",
    abstract: "Provisions reward codes in bulk, and never the same ones twice.",
    discussion: """
      Systems insert rows into codemint.jobs; `codemint run` turns each into calls of at most 500 \
      codes to the One of None API and writes every code back. To see it at work without a \
      database or a key: `codemint demo`.

      Settings come from flags, the environment (CODEMINT_...), systemd credentials and \
      /etc/codemint/codemint.yaml, in this order; that file explains them. Each command logs in to \
      the database that they name: the daemon with the role codemint_worker, producers with \
      codemint_producer, whoever looks and steers with codemint_operator, and for export with \
      codemint_reader. `codemint doctor` says what is missing.

      Exit statuses: 0 all went well; 1 what was asked for did not come about; 64 wrong command \
      line; 65 what it was given was refused; 69 something needed is missing; 70 codemint's own \
      fault; 74 something could not be written; 75 try again later; 77 not permitted; 78 wrong \
      setting or schema. Nothing is ever coloured, so NO_COLOR makes no \
      difference.
      """,
    version: Version.current,
    groupedSubcommands: [
      CommandGroup(
        name: "Daemon",
        subcommands: [RunCommand.self, MigrateCommand.self, DoctorCommand.self]
      ),
      CommandGroup(
        name: "Job",
        subcommands: [
          EnqueueCommand.self, StatusCommand.self, WatchCommand.self, ExportCommand.self,
        ]
      ),
      CommandGroup(
        name: "Steering",
        subcommands: [
          CancelCommand.self, PauseCommand.self, ResumeCommand.self, RetryCommand.self,
          ResolveCommand.self, AuditCommand.self,
        ]
      ),
      CommandGroup(
        name: "Trial",
        subcommands: [DemoCommand.self, SandboxCommand.self, BenchCommand.self]
      ),
    ]
  )

  /// Parses and runs a command, and ends with the status that its failure calls for.
  static func main() async {
    // By default each thread gets a heap of its own, and what one frees the others cannot use. There
    // are a dozen threads here and next to no contention.
    mallopt(M_ARENA_MAX, 1)
    // A reader of our output that has gone shows as an error of write(2), not as our death.
    signal(SIGPIPE, SIG_IGN)
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch {
      Failure(error).exit()
    }
  }
}
