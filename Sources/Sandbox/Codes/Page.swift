/// What a listing shows, as runs of codes; writing them out needs no lock.
struct Page: Sendable {
  /// Consecutive codes of one batch, in the order in which they are shown.
  struct Run: Sendable {
    let batch: Batch
    /// The prefix of their texts, escaped for JSON.
    let prefix: [UInt8]
    /// Offset in the batch of the code shown first.
    let first: Int
    let count: Int
    /// Whether offsets go down from there.
    let descending: Bool

    /// The number of the code in this position of the run.
    func number(at position: Int) -> UInt64 {
      let offset = descending ? first - position : first + position
      return batch.firstNumber + UInt64(offset)
    }

    /// The code in this position as a run of its own.
    func single(at position: Int) -> Run {
      let offset = descending ? first - position : first + position
      return Run(batch: batch, prefix: prefix, first: offset, count: 1, descending: false)
    }
  }

  let reward: UUIDBits
  let runs: [Run]
  /// Number of codes that the whole listing has.
  let total: Int
  let syncCalls: [SyncCall]
  /// The moment that it shows, on the monotonic clock.
  let moment: UInt64

  /// Number of codes on this page.
  var count: Int { runs.reduce(0) { $0 + $1.count } }
}
