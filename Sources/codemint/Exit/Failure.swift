import ArgumentParser
import Ledger
import LocalPostgres
import OneOfNone
import Postgres
import Sandbox

#if canImport(Glibc)
  import Glibc
#endif

/// An error as the person at the terminal gets it: one message, and the status to end with.
struct Failure {
  private let error: any Error

  init(_ error: any Error) {
    self.error = error
  }

  /// Prints the message to standard error and ends the process.
  func exit() -> Never {
    guard let status else { Codemint.exit(withError: error) }
    let text = "codemint: \(error)\n"
    FileDescriptor.standardError.write(text)
    Glibc.exit(status.rawValue)
  }

  /// The status for the errors that codemint's own modules throw; nil for ArgumentParser's, which
  /// brings its own.
  private var status: ExitStatus? {
    switch error {
    case is SettingsError, is ConfigurationError: .config
    case let error as SandboxError: Self.status(of: error)
    case let error as CommandError: error.status
    case let error as LedgerError: Self.status(of: error)
    case let error as PostgresError: Self.status(of: error)
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
    if error.isConnectionLost || error.isOutcomeUnknown { return .temporaryFailure }
    guard let sqlState = error.sqlState else { return .software }
    if sqlState == "42501" || sqlState.hasPrefix("28") { return .noPermission }
    if sqlState.hasPrefix("22") || sqlState.hasPrefix("23") { return .data }
    return .software
  }
}

/// What a command itself has to say when it fails.
struct CommandError: Error, CustomStringConvertible {
  let status: ExitStatus
  let description: String

  init(_ status: ExitStatus, _ description: String) {
    self.status = status
    self.description = description
  }
}
