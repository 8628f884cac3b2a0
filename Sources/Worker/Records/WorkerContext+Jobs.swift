import Logging
import Provisioning

/// One line for each change of a job's state, by the worker that made it or was told of it. Where a
/// failover or a lost answer hides from a worker what it did, there is none: the table is the record.
extension WorkerContext {
  /// A job has got another state.
  func note(_ job: JobID, became state: JobState, _ reason: Logger.Metadata = [:]) {
    var metadata = reason
    metadata["job"] = "\(job)"
    metadata["state"] = "\(state.rawValue)"
    logger.log(level: state == .failed ? .warning : .info, "job changed state", metadata: metadata)
  }

  /// What a decision or a watch found brought jobs to their end.
  func note(_ ended: [EndedJob]) {
    meters.ended(ended)
    for job in ended { note(job.job, became: job.state) }
  }

  /// What operators did. Why they did it is theirs to say and may hold anything, so it stays in the
  /// database.
  func note(_ steered: [SteeredJob]) {
    meters.steered(steered)
    for job in steered {
      let deed: Logger.Metadata = ["action": "\(job.action)", "by": "\(job.actor)"]
      if job.before != job.after {
        note(job.job, became: job.after, deed)
      } else {
        logger.info(
          "job steered",
          metadata: deed.merging(
            ["job": "\(job.job)", "state": "\(job.after.rawValue)"],
            uniquingKeysWith: { own, _ in own }
          )
        )
      }
    }
  }
}
