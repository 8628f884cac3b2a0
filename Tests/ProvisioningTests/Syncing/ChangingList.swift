import MemoryStore
import Provisioning

/// A reward's codes as an API might list them, while they change.
struct ChangingList {
  /// How the API takes the order that it is asked for.
  enum Manner: CaseIterable {
    /// Newest change first.
    case honours
    /// Newest first, by the time of making.
    case listsByMaking
    /// Oldest first, by the time of making.
    case listsOldestFirst
    /// By id, which is in no order.
    case listsByID
  }

  /// One code.
  struct Code {
    let id: CodeID
    let made: Int64
    var changed: Int64
  }

  var manner = Manner.honours
  /// Whether a code that never changed says so by having no time of change.
  var leavesUnchangedOut = false
  private(set) var codes: [Code] = []
  private var random: SeededRandom

  init(seed: UInt64) {
    random = SeededRandom(seed: seed)
  }

  mutating func make(_ number: Int, at time: Int64) {
    for place in 0..<number {
      let id = CodeID(UniqueID(bits: UInt128(random.next()) << 64 | UInt128(codes.count)))
      let made = time + Int64(place)
      codes.append(Code(id: id, made: made, changed: made))
    }
  }

  mutating func change(_ place: Int, at time: Int64) {
    codes[place].changed = time
  }

  /// Codes that changed later than that.
  func changed(after time: Int64) -> [Code] { codes.filter { $0.changed > time } }

  /// The whole list in the order in which it is listed now.
  func listed() -> [IssuedCode] {
    let order =
      switch manner {
      case .honours: codes.sorted { (time(of: $0), $0.made) > (time(of: $1), $1.made) }
      case .listsByMaking: Array(codes.reversed())
      case .listsOldestFirst: codes
      case .listsByID: codes.sorted { $0.id < $1.id }
      }
    return order.map { code in
      IssuedCode(
        id: code.id,
        reward: Self.reward,
        code: "",
        status: "available",
        createdAt: Timestamp(microseconds: code.made),
        expiresAt: nil,
        updatedAt: time(of: code) == .min ? nil : Timestamp(microseconds: code.changed),
        externalIDs: [],
        syncStatus: .pending
      )
    }
  }

  private func time(of code: Code) -> Int64 {
    leavesUnchangedOut && code.changed == code.made ? .min : code.changed
  }

  static let reward = RewardID(UniqueID(bits: 7))
}

/// What tracking a list comes to: which codes were seen in their present state.
struct Tracking {
  var passes = 0
  var mark: Timestamp?
  var order = ListOrder.unknown
  var position: ScanPosition?
  private(set) var pages = 0
  private(set) var known: [CodeID: Int64] = [:]

  /// Makes one pass.
  ///
  /// - Parameter between: What happens before each page but the first.
  mutating func pass(
    over list: inout ChangingList,
    budget: Int = 1000,
    pageSize: Int = 1000,
    between: ((inout ChangingList) -> Void)? = nil
  ) -> ChangeReader.Step {
    passes += position == nil ? 1 : 0
    let tracked = TrackedReward(
      reward: ChangingList.reward,
      pass: passes,
      failures: 0,
      mark: mark,
      order: order,
      position: position
    )
    var reader = ChangeReader(tracked, budget: budget, pageSize: pageSize)
    var step = reader.first
    var listed = list.listed()
    while case .fetch(let offset, let limit) = step {
      pages += 1
      let shown = Array(listed.dropFirst(offset).prefix(limit))
      for code in shown { known[code.id] = code.updatedAt?.microseconds ?? .min }
      step = reader.received(
        ListedPage(codes: shown)
      )
      if let between {
        between(&list)
        listed = list.listed()
      }
    }
    if case .finished(let reading) = step {
      mark = reading.mark
      order = reading.order
      position = reading.position
    }
    return step
  }

  /// Codes that have changed and are not known so. One that never did is known since its making.
  func missed(of list: ChangingList) -> Int {
    list.codes.count { $0.changed != $0.made && known[$0.id] != $0.changed }
  }
}
