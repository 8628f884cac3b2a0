import Glibc
import Logging
import Postgres
import Provisioning
import ServiceLifecycle
import Worker

/// Runs the worker until it has drained, on graceful shutdown or because the database has the functions
/// of another version. A drain has a limited time.
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
    StartPages.release()
    guard try await gate.pass() else { return }
    watch.tell(.status("working"))
    StartPages.release()
    logger.info("ready")
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await limitDrain() }
      await withGracefulShutdownHandler {
        await worker.run()
      } onGracefulShutdown: {
        logger.info("draining")
        announceDrain()
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

  private func announceDrain() {
    health.drains()
    watch.tell(.stopping)
    watch.tell(.extendTimeout(drainLimit))
  }

  /// Ends the process when a drain takes too long. The calls in flight cannot be settled then, because
  /// the database cannot be reached or has other functions for that; they are named in the log.
  private func limitDrain() async {
    await worker.awaitDrain()
    if worker.isSuperseded { announceDrain() }
    do {
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
    logger.flush()
    // If no call is in flight, the drain was complete.
    let isComplete = calls.isEmpty && !worker.isSuperseded
    _exit((isComplete ? ExitStatus.ok : .temporaryFailure).rawValue)
  }
}
