// The one list of exit statuses that codemint ends with, by the names of sysexits(3), so that
// scripts and systemd can tell what kind of failure it was: `RestartPreventExitStatus=78` in the
// unit file relies on it, for example.

/// With what status codemint ends. Source of the numbers: sysexits(3).
enum ExitStatus: Int32, Sendable, CaseIterable {
  /// All went well.
  case ok = 0
  /// What was asked for did not come about: a job that was waited for failed, a schema that was
  /// checked is not up to date.
  case failed = 1
  /// The command line was wrong (EX_USAGE).
  case usage = 64
  /// What was given to work on was wrong, such as a job that the database refuses (EX_DATAERR).
  case data = 65
  /// Something that is needed cannot be had, such as the server binaries (EX_UNAVAILABLE).
  case unavailable = 69
  /// codemint itself is at fault (EX_SOFTWARE).
  case software = 70
  /// Something could not be written (EX_IOERR).
  case ioError = 74
  /// It may go well later: the database could not be reached, say (EX_TEMPFAIL).
  case temporaryFailure = 75
  /// The database or the system does not permit it (EX_NOPERM).
  case noPermission = 77
  /// A setting is unknown, missing or wrong (EX_CONFIG). Starting again does not help.
  case config = 78
}
