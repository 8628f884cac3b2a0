import Logging
import Provisioning

/// One line for each change of a job's state, by the worker that made it or was told of it. There is
/// none if a failover or a lost answer hides from a worker what it did: the table is the record.
extension WorkerContext {
  /// A job has got another state.
  func note(_ job: JobID, became state: JobState, _ reason: Logger.Metadata = [:]) {
    var metadata = reason
    metadata["job"] = "\(job)"
    metadata["state"] = "\(state.rawValue)"
    logger.log(level: state == .failed ? .warning : .info, "job changed state", metadata: metadata)
  }

  /// A decision or a watch brought jobs to their end.
  func note(_ ended: [EndedJob]) {
    meters.ended(ended)
    for job in ended { note(job.job, became: job.state) }
  }

  /// Operators did something to jobs. Their notes may hold anything, so these stay in the database.
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
