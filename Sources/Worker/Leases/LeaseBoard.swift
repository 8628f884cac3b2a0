import Provisioning
import Synchronization

/// The calls that this worker has claimed and not settled, and until when it may act on each.
final class LeaseBoard: Sendable {
  private let leases = Mutex<[CallID: Instant]>([:])

  /// Writes a claimed call on the board.
  func add(_ call: CallID, until leaseEnd: Instant) {
    leases.withLock { $0[call] = leaseEnd }
  }

  /// Wipes a settled call off the board.
  func remove(_ call: CallID) {
    _ = leases.withLock { $0.removeValue(forKey: call) }
  }

  /// Every call on the board, in an order that does not depend on the run.
  var calls: [CallID] { leases.withLock { $0.keys.sorted() } }

  /// Whether a request may still leave for this call. Asked where its body is produced, with
  /// nothing in between (protocol, rule 3).
  func mayStillSend(_ call: CallID, at now: Instant) -> Bool {
    leases.withLock { leases in
      guard let leaseEnd = leases[call] else { return false }
      return now < leaseEnd
    }
  }

  /// Takes in what a renewal showed: these leases last until `leaseEnd`, the others that were
  /// asked for are lost.
  func renewed(_ renewed: Set<CallID>, of asked: [CallID], until leaseEnd: Instant) {
    leases.withLock { leases in
      for call in asked where leases[call] != nil {
        leases[call] = renewed.contains(call) ? leaseEnd : Instant(nanoseconds: .min)
      }
    }
  }
}
