// The one list of exit statuses, named as in sysexits(3). Scripts and systemd tell from the status
// what kind of failure it was; `RestartPreventExitStatus=78` in the unit file relies on it.

import ArgumentParser
import Glibc
import Ledger
import LocalPostgres
import OneOfNone
import Postgres
import Sandbox

/// The status with which codemint ends. Source of the numbers: sysexits(3).
enum ExitStatus: Int32, Sendable, CaseIterable {
  /// All went well.
  case ok = 0
  /// The result was not reached: for example, a job that was waited for failed, or the schema that
  /// was checked is not up to date.
  case failed = 1
  /// The command line was wrong (EX_USAGE).
  case usage = 64
  /// The input was refused, for example a job that breaks a rule of the database (EX_DATAERR).
  case data = 65
  /// Something needed is missing, for example the programs of the Postgres server (EX_UNAVAILABLE).
  case unavailable = 69
  /// An error in codemint itself (EX_SOFTWARE).
  case software = 70
  /// The output could not be written (EX_IOERR).
  case ioError = 74
  /// Try again later: for example, the database cannot be reached, takes no writes, or has the row
  /// locked (EX_TEMPFAIL).
  case temporaryFailure = 75
  /// The database refuses the login or does not permit the action (EX_NOPERM).
  case noPermission = 77
  /// A setting is unknown, missing or wrong, or the schema is not the one that this version needs
  /// (EX_CONFIG). Starting again does not help.
  case config = 78
}

/// An error as a command reports it: one message for a person, or with `--json` an object for a program,
/// and the exit status.
struct Failure {
  private let error: any Error
  private let isForPrograms: Bool

  /// - Parameter arguments: The command line. It is looked at as it was given, since it may be what is wrong.
  init(_ error: any Error, arguments: [String] = CommandLine.arguments) {
    self.error = error
    isForPrograms = arguments.prefix { $0 != "--" }.contains("--json")
  }

  /// Prints the message to standard error and ends the process.
  func exit() -> Never {
    if case OutputError.readerGone = error { Self.endQuietly() }
    guard let status else { endAsParsed() }
    complain(status.rawValue, "codemint: \(error)")
    Glibc.exit(status.rawValue)
  }

  private func complain(_ status: Int32, _ text: String) {
    Complaint.say(isForPrograms ? (try? FileDescriptor.jsonLine(report(status))) ?? text : text)
  }

  /// What stands in place of the message with `--json`.
  struct Report: Encodable {
    struct Content: Encodable, Equatable {
      let status: Int32
      let sqlState: String?
      let message: String
      let remedy: String?

      /// Members that are null are there all the same.
      func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(status, forKey: .status)
        try container.encode(sqlState, forKey: .sqlState)
        try container.encode(message, forKey: .message)
        try container.encode(remedy, forKey: .remedy)
      }

      private enum Key: String, CodingKey {
        case status, message, remedy
        case sqlState = "sqlstate"
      }
    }

    let error: Content
  }

  func report(_ status: Int32) -> Report {
    let (message, remedy): (String, String?) =
      switch error {
      case let error as PostgresError: (error.words, error.remedy)
      case let error as CommandError: (error.words, error.remedy)
      case _ where self.status != nil: ("\(error)", nil)
      default: (Codemint.message(for: error), "codemint COMMAND --help describes the command line")
      }
    let sqlState = (error as? PostgresError)?.sqlState
    return Report(
      error: .init(status: status, sqlState: sqlState, message: message, remedy: remedy)
    )
  }

  /// Ends as a program that does not ignore SIGPIPE does when the reader of its output is gone.
  private static func endQuietly() -> Never {
    signal(SIGPIPE, SIG_DFL)
    // This may be a thread that blocks it.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGPIPE)
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    raise(SIGPIPE)
    Glibc.exit(128 + SIGPIPE)
  }

  /// Prints help, a version or a complaint about the command line, as ArgumentParser does, but checks
  /// that help and version could be written.
  private func endAsParsed() -> Never {
    let text = Codemint.fullMessage(for: error)
    let code = Codemint.exitCode(for: error)
    guard !text.isEmpty else { Glibc.exit(code.rawValue) }
    guard code == .success else {
      complain(code.rawValue, text)
      Glibc.exit(code.rawValue)
    }
    do throws(OutputError) {
      try FileDescriptor.standardOutput.line(text)
    } catch {
      Failure(error).exit()
    }
    Glibc.exit(code.rawValue)
  }

  /// The status for errors of codemint's modules; nil for errors of ArgumentParser, which has
  /// statuses of its own.
  private var status: ExitStatus? {
    Self.knownStatus(of: error)
  }

  /// The status for an error of a part of a command.
  static func status(of error: any Error) -> ExitStatus {
    knownStatus(of: error) ?? .software
  }

  private static func knownStatus(of error: any Error) -> ExitStatus? {
    switch error {
    case is SettingsError, is ConfigurationError: .config
    case let error as SandboxError: status(of: error)
    case let error as CommandError: error.status
    case is OutputError: .ioError
    case let error as LedgerError: status(of: error)
    case let error as PostgresError: status(of: error)
    case is LocalPostgresError: .unavailable
    case is ExitCode, is ValidationError, is CleanExit: nil
    default:
      [.success, .validationFailure].contains(Codemint.exitCode(for: error)) ? nil : .software
    }
  }

  private static func status(of error: SandboxError) -> ExitStatus {
    switch error.code {
    case .cannotListen: .unavailable
    case .invalidFaultPlan: .data
    default: .usage
    }
  }

  private static func status(of error: LedgerError) -> ExitStatus {
    switch error.code {
    case .schema: .config
    case .privilege: .noPermission
    default: .data
    }
  }

  static func status(of error: PostgresError) -> ExitStatus {
    if error.code == .invalidSettings { return .config }
    guard let sqlState = error.sqlState else {
      return error.isConnectionLost || error.isOutcomeUnknown ? .temporaryFailure : .software
    }
    switch (sqlState, sqlState.prefix(2)) {
    case ("42501", _), (_, "28"): return .noPermission
    case ("3D000", _): return .config
    // P0001 is what somebody's own trigger raises.
    case (_, "22"), (_, "23"), ("P0001", _): return .data
    case (_, let kind) where passing.contains(kind): return .temporaryFailure
    default:
      return error.isConnectionLost || error.isOutcomeUnknown ? .temporaryFailure : .software
    }
  }

  /// The classes of SQLSTATE for a state of the server that passes, or ends when somebody else lets go:
  /// connections (08), a server that takes no writes and transactions that ended too late (25), lost
  /// against another transaction (40), too few resources (53), a row or table that is locked or in use
  /// (55), a server that starts or stops and statements that were cancelled (57). Source: PostgreSQL
  /// manual, appendix A.
  private static let passing: Set<Substring> = ["08", "25", "40", "53", "55", "57"]
}

/// An error that a command itself reports.
struct CommandError: Error, CustomStringConvertible {
  let status: ExitStatus
  /// What happened.
  let words: String
  /// What helps, if `words` do not say it.
  let remedy: String?

  init(_ status: ExitStatus, _ words: String, remedy: String? = nil) {
    self.status = status
    self.words = words
    self.remedy = remedy
  }

  var description: String { [words, remedy].compactMap(\.self).joined(separator: "; ") }
}
