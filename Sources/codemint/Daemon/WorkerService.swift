import Glibc
import Logging
import Postgres
import Provisioning
import ServiceLifecycle
import Worker

/// Runs the worker, and drains it within a limited time on graceful shutdown.
struct WorkerService: Service {
  let worker: Worker
  let gate: DatabaseGate
  let watch: ProgressWatch
  let health: Health
  let logger: Logger
  /// The longest time for a drain. Every call in flight has its answer by then.
  let drainLimit: Duration

  func run() async throws {
    watch.tell(.ready)
    watch.tell(.status("waiting for the database"))
    guard try await gate.pass() else { return }
    watch.tell(.status("working"))
    logger.info("ready")
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await limitDrain() }
      await withGracefulShutdownHandler {
        await worker.run()
      } onGracefulShutdown: {
        logger.info("draining")
        health.drains()
        watch.tell(.stopping)
        watch.tell(.extendTimeout(drainLimit))
        worker.drain()
      }
      group.cancelAll()
    }
    logger.info("stopped")
    if worker.isSuperseded {
      throw CommandError(
        .temporaryFailure,
        "the database has the functions of another version of codemint; start the version that is "
          + "installed now"
      )
    }
  }

  /// Ends the process when a drain takes too long. The database cannot be reached then, so the calls
  /// in flight cannot be settled; they are named in the log.
  private func limitDrain() async {
    do {
      try await gracefulShutdown()
      try await Task.sleep(for: drainLimit)
    } catch {
      return
    }
    Self.giveUp(worker, logger: logger, because: "not drained in time")
  }

  /// Ends the process at once, and names the calls that have to be reconciled later.
  static func giveUp(_ worker: Worker, logger: Logger, because reason: Logger.Message) -> Never {
    let calls = worker.callsInFlight.map(\.description).joined(separator: " ")
    logger.error(reason, metadata: ["calls_not_settled": "\(calls.isEmpty ? "none" : calls)"])
    // If no call is in flight, the drain was complete.
    _exit((calls.isEmpty ? ExitStatus.ok : .temporaryFailure).rawValue)
  }
}
