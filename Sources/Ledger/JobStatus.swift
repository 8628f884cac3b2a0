import Postgres
import Provisioning

/// One row of `codemint.job_status`, as people and scripts read it.
public struct JobStatus: Hashable, Sendable {
  /// The job's number.
  public let id: Int64
  /// The reward's id.
  public let reward: String
  /// The state's name.
  public let state: String
  /// Codes asked for.
  public let count: Int
  /// Codes that count for the job.
  public let issued: Int
  /// Codes asked for by calls that are sending or in doubt.
  public let outstanding: Int
  /// Codes beyond what the job had room for.
  public let surplus: Int
  /// Calls in doubt.
  public let inDoubt: Int
  /// Codes a second so far; nil before the start.
  public let codesPerSecond: Double?
  /// At the pace so far, as Postgres writes an interval; nil unless it is running.
  public let timeLeft: String?
  /// Whether an operator paused it.
  public let paused: Bool
  /// Whether it waits for an operator.
  public let held: Bool
  /// 0 to 9.
  public let priority: Int
  /// Why it failed or is held.
  public let errorCode: String?
  /// The message that goes with it.
  public let errorMessage: String?
  /// When its next call may be claimed, as Postgres writes a time.
  public let nextCallAt: String?
  /// When it was inserted, as Postgres writes a time.
  public let createdAt: String
  /// When it ended.
  public let finishedAt: String?

  /// Whether nothing more happens to it by itself.
  public var isFinished: Bool { finishedAt != nil }
}

extension JobStatus {
  init(_ row: Row) throws(PostgresError) {
    self.init(
      id: try row.int64("id"),
      reward: UniqueID(bits: try row.uuid("reward_id")).description,
      state: try row.text("state"),
      count: try row.integer("count"),
      issued: try row.integer("issued"),
      outstanding: try row.integer("outstanding"),
      surplus: try row.integer("surplus"),
      inDoubt: try row.integer("in_doubt"),
      codesPerSecond: try row.optionalDouble("codes_per_second"),
      timeLeft: try row.optionalText("time_left"),
      paused: try row.bool("paused"),
      held: try row.bool("held"),
      priority: try row.integer("priority"),
      errorCode: try row.optionalText("error_code"),
      errorMessage: try row.optionalText("error_message"),
      nextCallAt: try row.optionalText("next_call_at"),
      createdAt: try row.text("created_at"),
      finishedAt: try row.optionalText("finished_at")
    )
  }
}

/// How far the codes of a job are in other systems.
public struct JobSync: Hashable, Sendable {
  /// Codes that a system has yet to take.
  public let pending: Int
  /// Codes that a system refused.
  public let error: Int
  /// When nothing was left to wait for, as Postgres writes a time.
  public let doneAt: String?
}
