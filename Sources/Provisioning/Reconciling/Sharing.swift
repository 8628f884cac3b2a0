/// Shares codes out among calls that can have made them: an exact search for a flow from groups of codes
/// to calls, so that neither windows nor prefixes nor their overlaps need rules of their own.
struct Sharing {
  private let groups: [(codes: ChosenCodes, fits: [Int])]
  private var given: [[Int: Int]]
  private var spare: [Int]
  private var room: [Int: Int] = [:]

  /// Nothing is given to any call yet.
  ///
  /// - Parameter groups: Codes with the places of the calls that they may go to.
  init(_ groups: [(codes: ChosenCodes, fits: [Int])]) {
    self.groups = groups
    given = groups.map { _ in [:] }
    spare = groups.map(\.codes.count)
  }

  /// Gives every code to a call; nil if that cannot be done.
  ///
  /// - Parameters:
  ///   - full: How many codes calls get, by their places.
  ///   - upTo: How many codes other calls get at most.
  mutating func shareAll(full: [Int: Int], upTo: [Int: Int] = [:]) -> [Int: [CodeID]]? {
    // What is full stays so while more is shared out.
    room = full
    while pushOne() {}
    guard room.values.allSatisfy({ $0 == 0 }) else { return nil }
    room.merge(upTo) { full, _ in full }
    while pushOne() {}
    guard spare.allSatisfy({ $0 == 0 }) else { return nil }
    return handedOut
  }

  /// Moves codes along one path, from a group that has some left to a call that has room, through calls
  /// that hand others back.
  private mutating func pushOne() -> Bool {
    for group in groups.indices where spare[group] > 0 {
      var cameFrom: [Int: Int] = [:]
      var handedBack: [Int: Int] = [:]
      var queue = [group]
      var next = 0
      while next < queue.count {
        defer { next += 1 }
        for call in groups[queue[next]].fits where cameFrom[call] == nil {
          cameFrom[call] = queue[next]
          if room[call, default: 0] > 0 {
            push(from: group, to: call, cameFrom: cameFrom, handedBack: handedBack)
            return true
          }
          for other in groups.indices
          where other != group && handedBack[other] == nil && given[other][call, default: 0] > 0 {
            handedBack[other] = call
            queue.append(other)
          }
        }
      }
    }
    return false
  }

  private mutating func push(
    from start: Int,
    to end: Int,
    cameFrom: [Int: Int],
    handedBack: [Int: Int]
  ) {
    var path: [(group: Int, call: Int)] = []
    var call: Int? = end
    while let here = call, let group = cameFrom[here] {
      path.append((group, here))
      call = group == start ? nil : handedBack[group]
    }
    var amount = min(spare[start], room[end, default: 0])
    for (group, _) in path where group != start {
      if let back = handedBack[group] { amount = min(amount, given[group][back, default: 0]) }
    }
    for (group, call) in path {
      given[group][call, default: 0] += amount
      if group != start, let back = handedBack[group] { given[group][back, default: 0] -= amount }
    }
    spare[start] -= amount
    room[end, default: 0] -= amount
  }

  /// The codes of each call.
  private var handedOut: [Int: [CodeID]] {
    var codes: [Int: [CodeID]] = [:]
    for (group, amounts) in zip(groups, given) {
      var rest = group.codes[...]
      for (call, amount) in amounts.sorted(by: { $0.key < $1.key }) where amount > 0 {
        codes[call, default: []] += rest.prefix(amount).map(\.id)
        rest = rest.dropFirst(amount)
      }
    }
    return codes
  }

  /// Gives calls the oldest codes that they can have made, as many as they lack; of several calls, the one
  /// whose window ends first chooses first. A code that begins with the prefix of one call is not given
  /// to another with a shorter one, or with none.
  static func oldest(
    of groups: [(codes: ChosenCodes, fits: [Int])],
    for calls: [DoubtfulCall]
  ) -> [Int: [CodeID]] {
    var room = calls.map(\.lacks)
    var left = room.reduce(0, +)
    var codes: [Int: [CodeID]] = [:]
    let fits = groups.map { group in
      let lengths = group.fits.map { calls[$0].call.prefix?.utf8.count ?? 0 }
      return zip(group.fits, lengths).filter { $1 == lengths.max() }.map(\.0)
    }
    for (group, code) in byAge(groups.map(\.codes)) {
      guard left > 0 else { break }
      let open = fits[group].filter { room[$0] > 0 }
      guard
        let call = open.min(by: {
          (calls[$0].effectiveUntil, $0) < (calls[$1].effectiveUntil, $1)
        })
      else { continue }
      room[call] -= 1
      left -= 1
      codes[call, default: []].append(code.id)
    }
    return codes
  }

  /// The codes of all groups from the oldest on, each with its group, sorted without copies of them.
  private static func byAge(
    _ groups: [ChosenCodes]
  ) -> some Sequence<(group: Int, code: FoundCode)> {
    var places: [(group: Int32, place: Int32)] = []
    places.reserveCapacity(groups.reduce(0) { $0 + $1.count })
    for (group, codes) in groups.enumerated() {
      places.append(contentsOf: codes.indices.lazy.map { (Int32(group), Int32($0)) })
    }
    func code(_ at: (group: Int32, place: Int32)) -> FoundCode {
      groups[Int(at.group)][Int(at.place)]
    }
    places.sort { FoundCode.isOlder(code($0), code($1)) }
    return places.lazy.map { (Int($0.group), code($0)) }
  }
}
