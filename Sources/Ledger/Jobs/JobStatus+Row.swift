import Postgres
import Provisioning

extension JobStatus {
  /// Reads a row of `JobStatements.status` or `JobStatements.recent`.
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
