internal import Provisioning

/// Why a call that makes no codes failed.
public struct APIError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of failure it is.
  public struct Code: Hashable, Sendable {
    private enum Value: Hashable {
      case unreachable, timeout, cancelled, credentials, forbidden, gone, rejected, pace
      case unavailable, unreadable, tooLarge
    }
    private let value: Value
    private init(_ value: Value) { self.value = value }

    /// No connection, or one that broke.
    public static let unreachable = Code(.unreachable)
    /// No complete answer in time.
    public static let timeout = Code(.timeout)
    /// The calling task was cancelled.
    public static let cancelled = Code(.cancelled)
    /// The API key is refused: 401.
    public static let credentials = Code(.credentials)
    /// The key or the reward is refused: 403.
    public static let forbidden = Code(.forbidden)
    /// There is no such reward, or no longer: 404, 410.
    public static let gone = Code(.gone)
    /// The request is refused for itself: every other 4xx, and redirects, which are not followed.
    public static let rejected = Code(.rejected)
    /// Too many requests: 429; `pause` says how long to wait, if the API did.
    public static let pace = Code(.pace)
    /// The API failed: 5xx and statuses that nobody expects.
    public static let unavailable = Code(.unavailable)
    /// The answer cannot be read.
    public static let unreadable = Code(.unreadable)
    /// The answer was longer than `Bounds.answerBytes`.
    public static let tooLarge = Code(.tooLarge)
  }

  /// The kind of failure.
  public let code: Code
  /// The status of the answer, if its head arrived.
  public let status: Int?
  /// The API's own error code, or `http_<status>`; nil if it gave no answer.
  public let apiCode: String?
  /// What happened, for people; holds no secret and no code value.
  public let message: String
  /// How long the API asks to wait, at most `Bounds.longestPause`.
  public let pause: Duration?

  init(
    _ code: Code,
    status: Int? = nil,
    apiCode: String? = nil,
    message: String,
    pause: Duration? = nil
  ) {
    self.code = code
    self.status = status
    self.apiCode = apiCode
    self.message = message
    self.pause = pause
  }

  /// Whether asking again later can help without anybody mending something first.
  public var isRetryable: Bool {
    [.unreachable, .timeout, .pace, .unavailable, .unreadable].contains(code)
  }

  /// The message, with the API's own code if it gave one.
  public var description: String {
    apiCode.map { "\($0): \(message)" } ?? message
  }

  /// What an answer that is no success says.
  static func status(_ reply: Reply, texts: PublicText) -> APIError {
    let said = ErrorBody(status: reply.status, body: reply.body, texts: texts)
    let code: Code
    switch reply.status {
    case 401: code = .credentials
    case 403: code = .forbidden
    case 404, 410: code = .gone
    case 408: code = .timeout
    case 429: code = .pace
    case 300..<500: code = .rejected
    default: code = .unavailable
    }
    return APIError(
      code,
      status: reply.status,
      apiCode: said.code,
      message: said.message,
      pause: Pause.asked(by: reply.headers, receivedAt: reply.receivedAt)
    )
  }
}
