/// Shows codes otherwise than they are.
struct Disguise: Sendable {
  /// One entry of the array in an answer.
  enum Shown: Sendable {
    case null
    /// A run of one code; the page tells what else belongs to it.
    case code(Page.Run, Page, Blemish)
  }

  let changes: FaultDecision.Changes
  /// Codes of another reward to show among these.
  let foreign: Page?
  /// Older codes of the reward to show among these, newest first.
  let older: Page?

  /// Whether the answer has fields around its codes that the contract does not list.
  var addsFields: Bool { changes.marks.contains { $0.blemish.contains(.fields) } }

  /// What a page's array shows.
  func shown(_ page: Page) -> [Shown] {
    var shown = codes(of: page)
    shown.removeLast(min(changes.hidden, shown.count))
    spreadNulls(over: &shown)
    for mark in changes.marks {
      for index in shown.indices.prefix(mark.count) {
        guard case .code(let run, let page, let blemish) = shown[index] else { continue }
        shown[index] = .code(run, page, blemish.union(mark.blemish))
      }
    }
    let strangers = foreign.map(codes(of:)) ?? []
    replaceLast(of: &shown, with: strangers.prefix(changes.foreignInstead))
    replaceLast(of: &shown, with: shown.prefix(min(changes.doubledInstead, shown.count / 2)))
    let known = older.map(codes(of:)) ?? []
    replaceLast(of: &shown, with: known.prefix(changes.olderInstead))
    let again = shown.prefix(changes.doubled)
    shown += known.dropFirst(changes.olderInstead).prefix(changes.older)
    return shown + again + strangers.dropFirst(changes.foreignInstead).prefix(changes.foreign)
  }

  private func codes(of page: Page) -> [Shown] {
    page.runs.flatMap { run in
      (0..<run.count).map { .code(run.single(at: $0), page, []) }
    }
  }

  private func spreadNulls(over shown: inout [Shown]) {
    let instead = min(changes.nullsForCodes, shown.count)
    for place in 0..<instead { shown[place * shown.count / instead] = .null }
    for place in 0..<changes.nullsForNothing {
      shown.insert(.null, at: place * shown.count / changes.nullsForNothing)
    }
  }

  private func replaceLast(of shown: inout [Shown], with others: ArraySlice<Shown>) {
    let count = min(others.count, shown.count)
    shown.replaceSubrange((shown.count - count)..., with: others.prefix(count))
  }
}

/// What can be wrong with one code as it is written.
struct Blemish: OptionSet, Sendable {
  let rawValue: UInt8

  /// Values of `status` and `syncStatus` that the contract does not list.
  static let values = Blemish(rawValue: 1)
  /// Fields and a system that the contract does not list.
  static let fields = Blemish(rawValue: 2)
  /// `\u0000` at the end of the code.
  static let nulInCode = Blemish(rawValue: 4)
  /// `\u0000` at the end of `reservedFor`.
  static let nulInReservedFor = Blemish(rawValue: 8)
  /// `\u0000` at the end of the error of a system.
  static let nulInError = Blemish(rawValue: 16)

  init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  init(nulIn field: TextField) {
    self =
      switch field {
      case .code: .nulInCode
      case .reservedFor: .nulInReservedFor
      case .error: .nulInError
      }
  }
}
