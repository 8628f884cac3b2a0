/// What a listing shows, as runs of codes; writing them out needs no lock.
struct Page: Sendable {
  /// Consecutive codes of one batch, in the order in which they are shown.
  struct Run: Sendable {
    let batch: Batch
    let prefix: PrefixTable.Prefix
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

/// Cuts a page out of a reward's codes. In the order of their making that takes time in proportion to
/// the page; a filter by status and the order of last changes look at every code.
struct PageReader {
  let shelf: Shelf
  let prefixes: PrefixTable
  let derivation: CodeDerivation
  /// The moment to show, on the monotonic clock.
  let moment: UInt64

  func page(_ query: ListQuery) -> Page {
    let total = shelf.count(at: moment)
    let everyCode = query.status.map { derivation.uniformly($0) } ?? true
    if everyCode == false { return page([], total: 0) }
    if everyCode == true, query.hiding == nil {
      if case .shuffled(let key) = query.arrangement {
        return page(shuffled(query, total: total, key: key), total: total)
      }
      if query.arrangement == nil, query.key == .createdAt || derivation.neverChanges {
        return page(inOrderOfMaking(query, total: total), total: total)
      }
    }
    let inOrderOfChange = query.key == .updatedAt && !derivation.neverChanges
    var places = inOrderOfChange ? self.inOrderOfChange(total: total) : Array(0..<total)
    if everyCode == nil { places = places.filter { status(at: $0) == query.status } }
    if let hiding = query.hiding { places = places.filter { !hides(hiding, $0) } }
    switch query.arrangement {
    case nil: if query.descending { places.reverse() }
    case .ids: places = inOrderOfIDs(places)
    case .shuffled(let key):
      let permutation = Permutation(size: UInt64(max(1, places.count)), key: key)
      places = places.indices.map { places[Int(permutation[UInt64($0)])] }
    }
    let shown = places.dropFirst(query.offset).prefix(query.limit)
    return page(shown.map(run(at:)), total: places.count)
  }

  private func page(_ runs: [Page.Run], total: Int) -> Page {
    Page(
      reward: shelf.reward,
      runs: runs,
      total: total,
      syncCalls: shelf.syncCalls,
      moment: moment
    )
  }

  private func run(at place: Int) -> Page.Run {
    let batch = shelf.batches[shelf.batch(holding: place)]
    return Page.Run(
      batch: batch,
      prefix: prefixes[batch.prefix],
      first: place - batch.firstPlace,
      count: 1,
      descending: false
    )
  }

  private func inOrderOfMaking(_ query: ListQuery, total: Int) -> [Page.Run] {
    var missing = min(query.limit, total - min(query.offset, total))
    guard missing > 0 else { return [] }
    var place = query.descending ? total - 1 - query.offset : query.offset
    var index = shelf.batch(holding: place)
    var runs: [Page.Run] = []
    while missing > 0 {
      let batch = shelf.batches[index]
      let first = place - batch.firstPlace
      let available = query.descending ? first + 1 : Int(batch.count) - first
      let count = min(missing, available)
      runs.append(
        Page.Run(
          batch: batch,
          prefix: prefixes[batch.prefix],
          first: first,
          count: count,
          descending: query.descending
        )
      )
      missing -= count
      place += query.descending ? -count : count
      index += query.descending ? -1 : 1
    }
    return runs
  }

  private func shuffled(_ query: ListQuery, total: Int, key: UInt64) -> [Page.Run] {
    guard query.offset < total else { return [] }
    let permutation = Permutation(size: UInt64(total), key: key)
    return (query.offset..<query.offset + min(query.limit, total - query.offset)).map {
      run(at: Int(permutation[UInt64($0)]))
    }
  }

  private func inOrderOfIDs(_ places: [Int]) -> [Int] {
    let named = places.map { place in
      let batch = shelf.batches[shelf.batch(holding: place)]
      return (
        id: derivation.id(of: batch.firstNumber + UInt64(place - batch.firstPlace)), place: place
      )
    }
    return named.sorted { ($0.id.high, $0.id.low) < ($1.id.high, $1.id.low) }.map(\.place)
  }

  private func hides(_ hiding: Hiding, _ place: Int) -> Bool {
    let batch = shelf.batches[shelf.batch(holding: place)]
    let number = batch.firstNumber + UInt64(place - batch.firstPlace)
    guard hiding.share.covers(mixed(hiding.seed ^ number)) else { return false }
    guard let status = hiding.status else { return true }
    return derivation.status(of: number, born: batch.born, at: moment).0 == status
  }

  private func status(at place: Int) -> CodeStatus {
    let run = run(at: place)
    return derivation.status(of: run.number(at: 0), born: run.batch.born, at: moment).0
  }

  /// All places, the one that changed longest ago first. Most codes never change, so only the others
  /// are sorted, and put in between.
  private func inOrderOfChange(total: Int) -> [Int] {
    var resting: [(changed: Int64, place: Int)] = []
    var moved: [(changed: Int64, place: Int)] = []
    resting.reserveCapacity(total)
    for batch in shelf.batches where batch.firstPlace < total {
      for number in batch.numbers {
        let delay = derivation.changed(
          number,
          born: batch.born,
          at: moment,
          calls: shelf.syncCalls
        )
        let place = batch.firstPlace + Int(number - batch.firstNumber)
        if delay == 0 {
          resting.append((batch.createdAt, place))
        } else {
          moved.append((batch.createdAt + delay, place))
        }
      }
    }
    moved.sort { ($0.changed, $0.place) < ($1.changed, $1.place) }
    var order: [Int] = []
    order.reserveCapacity(total)
    var next = moved[...]
    for code in resting {
      while let first = next.first, (first.changed, first.place) < (code.changed, code.place) {
        order.append(first.place)
        next = next.dropFirst()
      }
      order.append(code.place)
    }
    return order + next.map(\.place)
  }
}

/// An order of listing that no query asks for.
enum Arrangement: Sendable, Equatable {
  /// By the dice; another one as soon as the list is longer.
  case shuffled(UInt64)
  case ids
}

/// Which codes a listing leaves out: the same ones on every page.
struct Hiding: Sendable, Equatable {
  let share: Share
  /// Only codes with this status, nil for any.
  let status: CodeStatus?
  let seed: UInt64
}
