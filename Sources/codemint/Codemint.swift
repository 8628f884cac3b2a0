// codemint, the executable: commands, settings and wiring. Nothing here decides about calls.
//
// `Codemint` is the root of the commands (Commands/). `run` loads the settings (Settings/), builds a
// `Daemon` (Daemon/) from the other modules, and runs it until a signal comes. `demo` (Demo/) does
// the same against a private Postgres and a sandbox. Doctor/, Probe/, Audit/ and Bench/ hold what these
// commands do. Console/ writes to terminals, Logging/ writes the log, Systemd/ talks to the service
// manager, Web/ serves the status page, Webhooks/ sends events to other systems. ExitStatus.swift maps errors to exit statuses.

import ArgumentParser
import CMalloc
import Glibc

/// The root of all commands.
@main
struct Codemint: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "codemint",
    abstract: "Provisions reward codes in bulk, and never asks twice for the same ones.",
    discussion: """
      Systems insert rows into codemint.jobs. `codemint run` turns each row into calls to the One of \
      None API, of at most 500 codes each, and writes every code back. `codemint demo` shows it at \
      work without a database or a key.

      Settings come from flags, the environment (CODEMINT_...), systemd credentials and \
      /etc/codemint/codemint.yaml, in this order; that file explains them. Each command logs in to \
      the database that the settings name. The daemon needs the role codemint_worker, producers need \
      codemint_producer, operators need codemint_operator, and export needs codemint_reader, or for a \
      producer's own jobs codemint_producer. \
      `codemint doctor` says what is missing.

      Exit statuses: 0 all went well; 1 the result was not reached; 64 wrong command line; 65 the \
      input was refused; 69 something needed is missing; 70 an error in codemint itself; 74 the \
      output could not be written; 75 try again later; 77 not permitted; 78 wrong setting or \
      schema. With --json, the error is one JSON object on standard error. If the reader of a pipe is \
      gone, a command ends quietly, as by SIGPIPE. On a terminal, \
      states have colours, unless NO_COLOR is set, TERM is dumb, or --no-color is given.
      """,
    version: Version.current,
    groupedSubcommands: [
      CommandGroup(
        name: "Daemon",
        subcommands: [
          RunCommand.self, HealthCommand.self, MigrateCommand.self, DoctorCommand.self,
          ProbeCommand.self,
        ]
      ),
      CommandGroup(
        name: "Job",
        subcommands: [
          EnqueueCommand.self, StatusCommand.self, WhyCommand.self, WatchCommand.self,
          CallsCommand.self, ActionsCommand.self, ExportCommand.self,
        ]
      ),
      CommandGroup(
        name: "Steering",
        subcommands: [
          CancelCommand.self, PauseCommand.self, ResumeCommand.self, RetryCommand.self,
          ApproveCommand.self, ResolveCommand.self, PriorityCommand.self, LimitsCommand.self,
          FollowSyncCommand.self, AcceptAPICommand.self, AcceptClusterCommand.self,
          PurgeCommand.self, WebhookCommand.self,
          AuditCommand.self,
        ]
      ),
      CommandGroup(
        name: "Trial",
        subcommands: [DemoCommand.self, SandboxCommand.self, BenchCommand.self]
      ),
    ]
  )

  /// Parses and runs a command. If the command fails, ends with the status of its error.
  static func main() async {
    // By default each thread has its own heap, and no thread can use memory that another one freed.
    // This process has a dozen threads and almost no contention, so one heap is enough.
    mallopt(M_ARENA_MAX, 1)
    // Large arrays go back to the system at once. By default the C library keeps blocks as large as the largest that
    // was ever freed.
    mallopt(M_MMAP_THRESHOLD, 1 << 20)
    FileDescriptor.openStandard()
    // If the reader of the output is gone, write(2) shall return an error instead of ending us.
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
