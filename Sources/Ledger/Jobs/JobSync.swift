/// How far the codes of a job are in other systems.
public struct JobSync: Hashable, Sendable, Encodable {
  /// Codes that a system has yet to take.
  public let pending: Int
  /// Codes that a system refused.
  public let error: Int
  /// When nothing was left to wait for, as Postgres writes a time.
  public let doneAt: String?

  /// The names of the columns, so that JSON reads like the view.
  enum CodingKeys: String, CodingKey {
    case pending = "sync_pending"
    case error = "sync_error"
    case doneAt = "sync_done_at"
  }
}
