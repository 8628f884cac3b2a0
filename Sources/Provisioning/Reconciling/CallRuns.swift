/// Finds which calls with interchangeable codes made the codes that were found: each takes a run of them
/// in the order of their making, as long as what it asked for, or none.
///
/// Windows begin and end in the order of the calls, as leases of one length do. Then codes can be shared
/// out in any way only if they can be shared out in runs.
struct CallRuns {
  private let calls: [DoubtfulCall]
  /// For each call and each code, how many codes from that one on are all in the call's window.
  private let fitting: [[Int]]
  /// For each call, the numbers of codes that those before it can have taken, so that the rest is what it
  /// and those after it can have made.
  private let possible: [Set<Int>]

  /// - Parameters:
  ///   - calls: Calls of a pool, oldest first.
  ///   - fits: The places of the calls in whose windows each code was made, oldest code first.
  init(_ calls: [DoubtfulCall], fits: [[Int]]) {
    self.calls = calls
    var fitting = calls.map { _ in Array(repeating: 0, count: fits.count + 1) }
    for (code, some) in fits.enumerated().reversed() {
      for call in some { fitting[call][code] = fitting[call][code + 1] + 1 }
    }
    var possible = [Set([fits.count])]
    for (place, call) in calls.enumerated().reversed() {
      var before = possible[0]
      for after in possible[0] {
        for taken in call.amounts.dropFirst() where taken <= after {
          if fitting[place][after - taken] >= taken { before.insert(after - taken) }
        }
      }
      possible.insert(before, at: 0)
    }
    self.fitting = fitting
    self.possible = possible
  }

  /// How many codes each call made, in the order of the calls; nil if no calls explain the number. Of
  /// several explanations, the one with the oldest calls that had no answer: to judge such a call absent
  /// is what has to be right.
  var taken: [Int]? {
    guard possible[0].contains(0) else { return nil }
    var before = 0
    return calls.enumerated().map { place, call in
      let amounts = call.isAnswered ? call.amounts : call.amounts.reversed()
      let taken = amounts.first { amount in
        fitting[place][before] >= amount && possible[place + 1].contains(before + amount)
      }
      before += taken ?? 0
      return taken ?? 0
    }
  }
}

extension DoubtfulCall {
  /// How many codes it can have made that the ledger lacks, from none on.
  var amounts: [Int] { isAnswered ? Array(0...lacks) : [0, lacks] }
}
