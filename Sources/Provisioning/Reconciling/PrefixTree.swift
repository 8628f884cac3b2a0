/// Calls with different prefixes, arranged so that each prefix stands below those that begin it, and
/// no prefix at all at the root.
///
/// Codes that begin with a prefix may go to its calls and to those above it, never to those below.
/// So codes can be shared out among some calls exactly if, for every prefix, the calls at and below
/// it ask for no more codes than begin with it, and all together for as many as there are.
struct PrefixTree {
  private let prefix: String
  private let calls: [Call]
  private let branches: [PrefixTree]

  /// A tree of these calls, each kept in the order given among those of its prefix.
  init(_ calls: [Call]) {
    self.init(prefix: "", calls)
  }

  private init(prefix: String, _ calls: [Call]) {
    self.prefix = prefix
    self.calls = calls.filter { ($0.prefix ?? "") == prefix }
    var rest = calls.filter { ($0.prefix ?? "") != prefix }
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

  /// Calls that together asked for exactly these codes, each with codes that begin with its
  /// prefix; nil if there are none. Of several, those with the longer prefixes.
  func explain(_ codes: [IssuedCode]) -> [Adoption]? {
    guard let chosen = sums(codes.filter { $0.hasPrefix(prefix) })[codes.count] else {
      return nil
    }
    var rest = codes.sorted { $0.id < $1.id }
    // The longest prefix chooses first, since fewest codes begin with it.
    let choosing = chosen.sorted { ($0.prefix?.utf8.count ?? 0) > ($1.prefix?.utf8.count ?? 0) }
    return choosing.map { call in
      let fitting = rest.filter { $0.hasPrefix(call.prefix ?? "") }
      let own = Array(fitting.prefix(call.size))
      let taken = Set(own.map(\.id))
      rest.removeAll { taken.contains($0.id) }
      return Adoption(call: call, codes: own)
    }
  }

  /// Every number of codes that calls at and below this prefix can have asked for together, with
  /// the calls.
  ///
  /// - Parameter codes: Those that begin with this prefix.
  private func sums(_ codes: [IssuedCode]) -> [Int: [Call]] {
    var sums: [Int: [Call]] = [0: []]
    func add(_ more: [(size: Int, calls: [Call])]) {
      for (sum, chosen) in sums.sorted(by: { $0.key < $1.key }) {
        for (size, calls) in more where sum + size <= codes.count && sums[sum + size] == nil {
          sums[sum + size] = chosen + calls
        }
      }
    }
    for branch in branches {
      let below = branch.sums(codes.filter { $0.hasPrefix(branch.prefix) })
      add(below.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }
    for call in calls { add([(call.size, [call])]) }
    return sums
  }
}

extension Call {
  fileprivate func begins(with prefix: String) -> Bool {
    self.prefix?.utf8.starts(with: prefix.utf8) ?? false
  }
}
