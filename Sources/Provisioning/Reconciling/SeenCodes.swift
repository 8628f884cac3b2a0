/// The ids of the codes that a listing has shown, in sorted runs of which each is more than twice as long as
/// the next: 16 bytes a code, where a set has up to three times as many while it grows.
struct SeenCodes {
  private var runs: [[CodeID]] = []

  /// How many there are.
  var count: Int { runs.reduce(0) { $0 + $1.count } }

  /// Takes in items of a page.
  /// - Returns: Those that are seen for the first time, in their order.
  mutating func insert<Item>(_ items: [Item], id: (Item) -> CodeID) -> [Item] {
    var fresh: Set<CodeID> = []
    let new = items.filter { !contains(id($0)) && fresh.insert(id($0)).inserted }
    add(fresh.sorted())
    return new
  }

  private func contains(_ id: CodeID) -> Bool {
    runs.contains { run in
      let place = run.partitioningIndex { $0 >= id }
      return place < run.endIndex && run[place] == id
    }
  }

  private mutating func add(_ run: [CodeID]) {
    guard !run.isEmpty else { return }
    var run = run
    while let last = runs.last, last.count <= 2 * run.count {
      runs.removeLast()
      run = Self.merged(last, run)
    }
    runs.append(run)
  }

  private static func merged(_ one: [CodeID], _ other: [CodeID]) -> [CodeID] {
    var both: [CodeID] = []
    both.reserveCapacity(one.count + other.count)
    var rest = other[...]
    for id in one {
      while let next = rest.first, next < id {
        both.append(next)
        rest = rest.dropFirst()
      }
      both.append(id)
    }
    return both + rest
  }
}

extension RandomAccessCollection {
  /// The place of the first element that fulfils a condition that no element before it does, and every one
  /// behind it.
  func partitioningIndex(where fulfils: (Element) -> Bool) -> Index {
    var (low, length) = (startIndex, count)
    while length > 0 {
      let half = length / 2
      let middle = index(low, offsetBy: half)
      if fulfils(self[middle]) {
        length = half
      } else {
        low = index(after: middle)
        length -= half + 1
      }
    }
    return low
  }
}
