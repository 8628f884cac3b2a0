/// Calls with different prefixes, arranged so that each prefix stands below those that begin it, and
/// no prefix at all at the root.
///
/// Codes that begin with a prefix may go to its calls and to those above it, never to those below.
/// So codes can be shared out among some calls exactly if, for every prefix, the calls at and below
/// it ask for no more codes than begin with it, and all together for as many as there are.
struct PrefixTree {
  private let prefix: String
  private let parts: [Part]
  private let branches: [PrefixTree]

  /// What a call lacks, or of an answered call a part of it: some parts add up to any number up to that.
  private struct Part {
    let call: Int
    let prefix: String?
    let size: Int

    func begins(with prefix: String) -> Bool {
      self.prefix?.utf8.starts(with: prefix.utf8) ?? false
    }
  }

  /// A tree of these calls, each kept in the order given among those of its prefix.
  init(_ calls: [DoubtfulCall]) {
    self.init(
      prefix: "",
      calls.enumerated().flatMap { place, call in
        call.partSizes.map { Part(call: place, prefix: call.call.prefix, size: $0) }
      }
    )
  }

  private init(prefix: String, _ parts: [Part]) {
    self.prefix = prefix
    self.parts = parts.filter { ($0.prefix ?? "") == prefix }
    var rest = parts.filter { ($0.prefix ?? "") != prefix }
    var branches: [PrefixTree] = []
    // The shortest prefix cannot stand below another one.
    while let shortest = rest.compactMap(\.prefix).min(by: {
      ($0.utf8.count, $0) < ($1.utf8.count, $1)
    }) {
      branches.append(
        PrefixTree(prefix: shortest, rest.filter { $0.begins(with: shortest) })
      )
      rest.removeAll { $0.begins(with: shortest) }
    }
    self.branches = branches
  }

  /// How many codes each call made, by its place, if together they made exactly these, each of them
  /// codes that begin with its prefix; nil if no calls did.
  func explain(_ codes: [FoundCode]) -> [Int: Int]? {
    sums(codes)[codes.count].map { parts in
      Dictionary(parts.map { ($0.call, $0.size) }, uniquingKeysWith: +)
    }
  }

  /// Every number of codes that calls at and below this prefix can have made together, with their parts.
  ///
  /// - Parameter codes: Those that begin with this prefix.
  private func sums(_ codes: [FoundCode]) -> [Int: [Part]] {
    var sums: [Int: [Part]] = [0: []]
    func add(_ more: [(size: Int, parts: [Part])]) {
      for (sum, chosen) in sums.sorted(by: { $0.key < $1.key }) {
        for (size, parts) in more where sum + size <= codes.count && sums[sum + size] == nil {
          sums[sum + size] = chosen + parts
        }
      }
    }
    for branch in branches {
      let below = branch.sums(codes.filter { $0.begins(with: branch.prefix) })
      add(below.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }
    for part in parts { add([(part.size, [part])]) }
    return sums
  }
}

extension DoubtfulCall {
  fileprivate var partSizes: [Int] {
    guard isAnswered else { return [lacks] }
    var sizes: [Int] = []
    var rest = lacks
    while rest > 0 {
      sizes.append((rest + 1) / 2)
      rest /= 2
    }
    return sizes
  }
}
