internal import Provisioning
internal import Synchronization

/// The memory that the bodies of all answers share which are being read or judged, in bytes. Each answer is
/// bounded, but a thousand of them can come at the same time.
final class AnswerMemory: Sendable {
  private let taken = Mutex(0)
  private let most: Int

  init(most: Int = Bounds.answersBytes) {
    self.most = most
  }

  /// What one body takes. It is given back when nobody holds it any more.
  final class Place: Sendable {
    private let memory: AnswerMemory
    private let bytes = Mutex(0)

    init(in memory: AnswerMemory) {
      self.memory = memory
    }

    /// Whether there is memory for so many bytes more.
    func grow(by more: Int) -> Bool {
      let isGranted = memory.taken.withLock { taken in
        guard taken + more <= memory.most else { return false }
        taken += more
        return true
      }
      if isGranted { bytes.withLock { $0 += more } }
      return isGranted
    }

    deinit {
      let given = bytes.withLock { $0 }
      memory.taken.withLock { $0 -= given }
    }
  }
}
