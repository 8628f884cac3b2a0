/// What a listing shows of one pool, and who can have made it.
struct PoolFinding {
  let pool: CallPool
  /// Codes that calls of the pool can have made, with the places of those calls in the pool.
  private let groups: [(codes: ChosenCodes, fits: [Int])]
  /// Codes that were made around the windows of calls of the pool, and in none.
  private let around: [ChosenCodes]
  /// Calls around whose windows such codes were made.
  let surrounded: Set<CallID>
  /// How many codes the pool can have made.
  let number: Int

  /// What of these codes concerns the pool.
  ///
  /// - Parameters:
  ///   - calls: The calls by whose places the codes are grouped.
  ///   - found: The codes.
  init(_ pool: CallPool, of calls: [DoubtfulCall], _ found: CodeGroups) {
    self.pool = pool
    let places = Dictionary(
      uniqueKeysWithValues: pool.calls.enumerated().map { ($1.call.id, $0) }
    )
    func own(_ some: [Int]) -> [Int] { some.compactMap { places[calls[$0].call.id] }.sorted() }
    groups = found.groups.compactMap { group in
      let fits = own(group.inTime)
      return fits.isEmpty ? nil : (group.codes, fits)
    }
    let around = found.groups.filter { $0.inTime.isEmpty && !own($0.around).isEmpty }
    self.around = around.map(\.codes)
    surrounded = Set(around.flatMap { own($0.around) }.map { pool.calls[$0].call.id })
    number = groups.reduce(0) { $0 + $1.codes.count }
  }

  /// The codes that its calls can have made.
  var codes: [FoundCode] { groups.flatMap(\.codes) }

  /// Whether all of them begin with a prefix that was asked for; those of a group do, or none does.
  func codesBegin(with prefix: String) -> Bool {
    groups.allSatisfy { $0.codes[0].begins(with: prefix) }
  }

  /// Whether some of them may be codes with this prefix in which a list leaves out or changes what is in it: of
  /// calls that all asked for it any that lack it, and else those that resemble it.
  func mayHide(_ prefix: String) -> Bool {
    guard pool.isMixed else { return !codesBegin(with: prefix) }
    return groups.contains { $0.codes[0].lookalike == prefix }
  }

  /// What is compared with another listing.
  func sighting(nulls: Int) -> Sighting {
    Sighting(of: pool, nulls: nulls, groups.lazy.flatMap(\.codes))
  }

  /// A verdict that leaves the pool to a person, with everything that could fit.
  func held(_ reason: HoldReason) -> Verdict {
    let fitting = groups.map(\.codes) + around
    var unattributed: [CodeID] = []
    unattributed.reserveCapacity(fitting.reduce(0) { $0 + $1.count })
    for codes in fitting { unattributed.append(contentsOf: codes.lazy.map(\.id)) }
    return .held(reason: reason, unattributed: unattributed)
  }

  /// Each call with all that it lacks, if that is what was found, each code in its call's window; nil if
  /// not.
  var all: [Adoption]? {
    share(full: pool.calls.map(\.lacks))
  }

  /// Which of the calls made exactly the codes that were found; nil if none explain them.
  var explanation: [Adoption]? {
    guard number <= pool.most else { return nil }
    if number == pool.most, let all { return all }
    let unanswered = pool.calls.indices.filter { !pool.calls[$0].isAnswered }
    if unanswered.count <= Self.fewCalls { return explained(trying: unanswered) }
    return pool.isMixed ? mixed : alike
  }

  /// Of so many calls all choices are tried; more are never in doubt but after a long outage.
  private static let fewCalls = 10

  /// Tries which of these calls made their codes, answered ones taking what is left. Of several
  /// explanations, the one with the most and the oldest calls: to judge a call absent is what has to be
  /// right.
  private func explained(trying calls: [Int]) -> [Adoption]? {
    let answered = Dictionary(
      uniqueKeysWithValues: pool.calls.enumerated().filter(\.element.isAnswered)
        .map { ($0.offset, $0.element.lacks) }
    )
    let most = answered.values.reduce(0, +)
    let choices = (0..<1 << calls.count).sorted {
      ($1.nonzeroBitCount, $0) < ($0.nonzeroBitCount, $1)
    }
    for choice in choices {
      let chosen = calls.indices.filter { choice >> $0 & 1 == 1 }.map { calls[$0] }
      let full = chosen.map { ($0, pool.calls[$0].lacks) }
      let left = number - full.reduce(0) { $0 + $1.1 }
      guard (0...most).contains(left) else { continue }
      var sharing = Sharing(fitting)
      let made = sharing.shareAll(full: Dictionary(uniqueKeysWithValues: full), upTo: answered)
      if let made { return adoptions(made) }
    }
    return nil
  }

  /// Calls that asked for the same prefix, or all for none, have interchangeable codes: only their
  /// windows tell which of them made which.
  private var alike: [Adoption]? {
    let codes = groups.flatMap { group in group.codes.map { (code: $0, fits: group.fits) } }
      .sorted { FoundCode.isOlder($0.code, $1.code) }
    guard let taken = CallRuns(pool.calls, fits: codes.map(\.fits)).taken else { return nil }
    return share(full: taken)
  }

  /// If prefixes differ, a call is given only codes that begin with its own. If the API does not take
  /// prefixes literally, no explanation is left, and a person has to say which call made what (protocol,
  /// rule 15).
  private var mixed: [Adoption]? {
    guard let taken = PrefixTree(pool.calls).explain(codes) else { return nil }
    return share(full: pool.calls.indices.map { taken[$0] ?? 0 })
  }

  /// Gives each call so many codes, and every code to a call.
  private func share(full numbers: [Int]) -> [Adoption]? {
    var sharing = Sharing(fitting)
    let full = Dictionary(
      uniqueKeysWithValues: numbers.enumerated().filter { $1 > 0 }.map { ($0, $1) }
    )
    return sharing.shareAll(full: full).map(adoptions)
  }

  /// Gives each call the oldest codes that fit, up to what it lacks.
  var oldest: [Adoption] {
    adoptions(Sharing.oldest(of: fitting, for: pool.calls))
  }

  /// The groups, where prefixes differ with the calls whose prefix the codes begin with.
  private var fitting: [(codes: ChosenCodes, fits: [Int])] {
    guard pool.isMixed else { return groups }
    return groups.map { group in
      (
        group.codes,
        group.fits.filter { group.codes[0].begins(with: pool.calls[$0].call.prefix) }
      )
    }
  }

  private func adoptions(_ codes: [Int: [CodeID]]) -> [Adoption] {
    codes.sorted { $0.key < $1.key }.map { Adoption(call: pool.calls[$0].call, codes: $1) }
  }

  /// Whether some of the calls made as many codes, whatever their prefixes and windows.
  var isNumberExplained: Bool {
    guard number <= pool.most else { return false }
    let sums = pool.calls.reduce(into: Set([0])) { sums, call in
      sums.formUnion(sums.flatMap { sum in call.amounts.map { sum + $0 } })
    }
    return sums.contains(number)
  }
}
