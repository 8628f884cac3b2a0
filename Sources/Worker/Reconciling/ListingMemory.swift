import Provisioning
import Synchronization

/// The memory that all listings of a worker share, in bytes. A list comes from outside and may have no end,
/// so what is remembered of it is counted.
final class ListingMemory: Sendable {
  /// What one listing has taken.
  struct Share {
    fileprivate(set) var bytes = 0
  }

  private let taken = Mutex(0)
  private let most: Int

  init(most: Int = Bounds.listingBytes) {
    self.most = most
  }

  /// Lets a listing have so many bytes in all.
  ///
  /// - Returns: Why it may not. A listing that has more than half of the memory is too long; any other has
  ///   to wait until the others have ended.
  func grow(_ share: inout Share, to bytes: Int) -> ListingFailure? {
    let more = bytes - share.bytes
    guard more > 0 else { return nil }
    let isGranted = taken.withLock { taken in
      guard taken + more <= most else { return false }
      taken += more
      return true
    }
    guard isGranted else {
      if bytes > most / 2 { return .endless(reached: "\(bytes / 1_000_000) MB of codes' ids") }
      return .notAsked("other listings take the memory that listings may have")
    }
    share.bytes = bytes
    return nil
  }

  /// Takes back what a listing had.
  func free(_ share: Share) {
    taken.withLock { $0 -= share.bytes }
  }
}
