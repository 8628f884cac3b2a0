import Provisioning
import Synchronization

/// The worker's only source of randomness; a simulation gives it a seed.
final class Dice: Sendable {
  private let generator: Mutex<any RandomNumberGenerator & Sendable>

  init(_ generator: any RandomNumberGenerator & Sendable) {
    self.generator = Mutex(generator)
  }

  /// A new identifier.
  func uniqueID() -> UniqueID {
    generator.withLock { UniqueID(random: &$0) }
  }

  /// A wait after this many failures in a row.
  func wait(_ backoff: Backoff, failures: Int) -> Duration {
    generator.withLock { backoff.wait(failures: failures, random: &$0) }
  }

  /// What a call's ending means, with jitter.
  func settlement(
    _ claimed: ClaimedCall,
    by worker: WorkerID,
    report: CallReport,
    team: TeamAnswer?
  ) -> Settlement {
    generator.withLock {
      SettlementRule.settle(
        claimed.call,
        by: worker,
        report: report,
        team: team,
        failures: claimed.failures,
        random: &$0
      )
    }
  }
}
