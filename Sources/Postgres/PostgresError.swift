/// What went wrong between here and the database.
///
/// `description` never holds a parameter's value, a password or a row. It leaves out the server's
/// DETAIL, which quotes rows, and the messages of SQLSTATE class 22, which quote values; code that
/// knows what it may show reads those from `message`.
public struct PostgresError: Error, Sendable {
  /// The kind of failure. More may be added: switch with a `default`.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    /// The name of the kind, in words.
    public let description: String

    /// The server refused the statement; `sqlState` says why.
    public static let server = Code(description: "the server refused the statement")
    /// No connection could be made. Nothing was sent.
    public static let connectFailed = Code(description: "could not connect to the database")
    /// The connection broke while it was in use.
    public static let connectionLost = Code(description: "the connection to the database was lost")
    /// The deadline passed first.
    public static let deadlineExceeded = Code(description: "the database missed the deadline")
    /// The task was cancelled.
    public static let cancelled = Code(description: "the task was cancelled")
    /// The connection or pool was closed by its owner.
    public static let closed = Code(description: "the connection is closed")
    /// The URL or a setting makes no sense.
    public static let invalidSettings = Code(description: "the connection settings are wrong")
    /// A column is missing, null or of another type than the caller reads.
    public static let unexpectedResult = Code(description: "the result is not what was expected")
    /// The statement does what this client has no way to do, such as COPY.
    public static let unsupported = Code(description: "not supported")
    /// The server takes LISTEN, and notifications do not arrive.
    public static let notificationsLost = Code(description: "notifications do not arrive")
    /// The system has no thread, descriptor or memory to give.
    public static let outOfResources = Code(description: "the system is out of resources")
  }

  /// The kind of failure.
  public var code: Code
  /// What happened: the server's primary message, or ours. Of class 22 it may quote a value.
  public var message: String
  /// Five characters from the server (PostgreSQL manual, appendix A), if it answered.
  public var sqlState: String?
  /// The column that the error is about.
  public var column: String?
  /// The constraint that refused a row.
  public var constraint: String?
  /// The innermost function that the error came from, with schema and parameters, if it came from one in
  /// PL/pgSQL. The rest of the server's CONTEXT quotes rows, and is not kept.
  public var function: String?
  /// Whether the statement may have taken effect although it failed: the connection was lost or
  /// given up before the server had said how the statement ended.
  public var isOutcomeUnknown: Bool

  /// An error of one's own making, for instance to leave a transaction with.
  public init(_ code: Code, _ message: String, isOutcomeUnknown: Bool = false) {
    self.code = code
    self.message = message
    self.isOutcomeUnknown = isOutcomeUnknown
  }

  /// Whether the connection is of no more use: it never came about, was lost, or was given up.
  public var isConnectionLost: Bool {
    switch code {
    case .connectionLost, .connectFailed, .deadlineExceeded, .cancelled, .closed: true
    default: false
    }
  }

  /// Why no connection came about although the server answers; nil if that is not what happened.
  public var loginRefusal: LoginRefusal? {
    code == .connectFailed ? sqlState.flatMap(LoginRefusal.init(sqlState:)) : nil
  }

  /// Whether the same transaction can be expected to pass when it is run again from its beginning:
  /// nothing of it took effect, and it lost against another one (serialization failure, deadlock, no
  /// lock in time) or its prepared statement was gone.
  public var isRetryable: Bool {
    guard !isOutcomeUnknown else { return false }
    return switch sqlState {
    case "40001", "40P01", "55P03", "26000": true
    default: isStalePlan
    }
  }

  /// Whether the server refused the statement for the content of its parameters (SQLSTATE class 22, but for a
  /// sequence that has no number left). Running it again changes nothing.
  public var isContentRefused: Bool {
    sqlState.map { $0.hasPrefix("22") && $0 != "2200H" } ?? false
  }

  /// A prepared statement's result changed its columns since it was prepared. The message is
  /// translated, so the server's own function tells it from other errors of 0A000.
  var isStalePlan = false
}

extension PostgresError: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// What happened and, if that is known, what helps, without anything that must stay secret.
  public var description: String {
    guard let remedy else { return words }
    return "\(words); \(remedy)"
  }

  /// What helps, if that is known.
  public var remedy: String? { loginRefusal?.remedy }

  /// What happened.
  public var words: String {
    var text = loginRefusal?.words ?? code.description
    if let sqlState { text += " (SQLSTATE \(sqlState))" }
    if isContentRefused {
      text += ": a value has the wrong form"
    } else if !message.isEmpty {
      text += ": \(message)"
    }
    if let constraint { text += " [constraint \(constraint)]" }
    if let column { text += " [column \(column)]" }
    if isOutcomeUnknown { text += "; whether the statement took effect is unknown" }
    return text
  }

  /// The same as `description`: debug output ends up in logs as well.
  public var debugDescription: String { description }

  /// Shows what `description` shows: `dump` ends up in logs as well.
  public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
