/// One reward and its codes, oldest first.
struct Shelf: Sendable {
  let reward: UUIDBits
  /// When the reward was first seen, microseconds since 1970 by the API's clock.
  let createdAt: Int64
  private(set) var batches: [Batch] = []
  /// Requests to sync again, in order of arrival.
  private(set) var syncCalls: [SyncCall] = []

  init(reward: UUIDBits, createdAt: Int64) {
    self.reward = reward
    self.createdAt = createdAt
  }

  var count: Int { batches.last?.endPlace ?? 0 }

  /// Adds codes at the end. Neither time steps back within a reward, so that the order by (createdAt,
  /// place) is the order of this array, and what was there at a moment is its beginning.
  mutating func append(
    _ count: Int,
    numberedFrom number: UInt64,
    prefix: Int32,
    createdAt: Int64,
    born: UInt64,
    maker: CodeMaker
  ) -> Batch {
    let batch = Batch(
      firstNumber: number,
      firstPlace: self.count,
      count: Int32(count),
      prefix: prefix,
      createdAt: max(createdAt, batches.last?.createdAt ?? .min),
      born: max(born, batches.last?.born ?? 0),
      maker: maker
    )
    batches.append(batch)
    return batch
  }

  /// Adds codes that have been there for long, in their place by `createdAt`.
  mutating func insert(
    _ count: Int,
    numberedFrom number: UInt64,
    prefix: Int32,
    createdAt: Int64,
    born: UInt64
  ) {
    let index = batches.partitioningIndex { $0.createdAt > createdAt }
    let later = index < batches.count ? batches[index] : nil
    let earlier = index > 0 ? batches[index - 1] : nil
    let batch = Batch(
      firstNumber: number,
      firstPlace: earlier?.endPlace ?? 0,
      count: Int32(count),
      prefix: prefix,
      createdAt: createdAt,
      born: max(earlier?.born ?? 0, min(born, later?.born ?? .max)),
      maker: .beforehand
    )
    for position in index..<batches.count { batches[position].moveUp(by: count) }
    batches.insert(batch, at: index)
  }

  mutating func append(_ call: SyncCall) {
    syncCalls.append(call)
  }

  /// Index of the batch that holds this place, found in logarithmic time.
  func batch(holding place: Int) -> Int {
    precondition((0..<count).contains(place), "no code in that place")
    return batches.partitioningIndex { $0.endPlace > place }
  }

  /// Number of codes that were there at this moment of the monotonic clock.
  func count(at moment: UInt64) -> Int {
    let later = batches.partitioningIndex { $0.born > moment }
    return later == 0 ? 0 : batches[later - 1].endPlace
  }
}

extension Array {
  /// First index whose element is past a boundary; the array is in order with respect to it.
  fileprivate func partitioningIndex(_ isPast: (Element) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if isPast(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}

/// Codes that came into being together: those of one generate request, or of somebody else. All that is
/// kept of a code is its place in a batch (about a tenth of a byte for batches of 500); its id, text and
/// sync state follow from its number.
struct Batch: Sendable {
  /// Number of the first code, counted over all rewards; the others follow.
  let firstNumber: UInt64
  /// Place of the first code in its reward's list, oldest first.
  private(set) var firstPlace: Int
  let count: Int32
  /// Which of the prefixes in use, or -1 for none.
  let prefix: Int32
  /// Microseconds since 1970 by the API's clock.
  let createdAt: Int64
  /// Nanoseconds on the monotonic clock.
  let born: UInt64
  let maker: CodeMaker

  /// The numbers of its codes.
  var numbers: Range<UInt64> { firstNumber..<firstNumber + UInt64(count) }

  /// Place behind the last code.
  var endPlace: Int { firstPlace + Int(count) }

  /// Makes room for older codes that come before these.
  mutating func moveUp(by count: Int) {
    firstPlace += count
  }
}

/// A request to sync a reward's failed codes again.
struct SyncCall: Sendable {
  let system: SyncShape.System
  /// Nanoseconds on the monotonic clock.
  let moment: UInt64
}

/// A reward as the API shows it.
struct RewardSummary: Sendable {
  let id: UUIDBits
  /// Microseconds since 1970 by the API's clock.
  let createdAt: Int64
  let codes: Int

  init(_ shelf: Shelf) {
    id = shelf.reward
    createdAt = shelf.createdAt
    codes = shelf.count
  }
}
