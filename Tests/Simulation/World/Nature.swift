import MemoryStore
import Provisioning

/// What the API is like where its documents leave it open. This is its nature and no fault, so it stays
/// when all is calm.
struct Nature {
  /// What becomes of the prefix that is asked for.
  enum PrefixForm: String, CaseIterable {
    case literal, upper, lower, bare, dropped, cut, replaced
  }

  /// How a list shows the text that an answer showed.
  enum TextForm: String, CaseIterable {
    case same, lower, upper, masked
    /// Without hyphens, which only a prefix has.
    case bare
    /// With its prefix in lower case.
    case lowerPrefix
  }

  /// In what order a list comes, whatever was asked.
  enum Order: String, CaseIterable {
    case newestFirst, oldestFirst, any
  }

  /// How a moment is told.
  struct Clock {
    /// How far from the true moment, in microseconds: a zone that is left out or false.
    var shift: Int64 = 0
    /// To how many microseconds.
    var resolution: Int64 = 1
    /// Whether it is rounded, and not cut off.
    var rounds = false
    /// Whether it is left out.
    var isMissing = false

    /// A moment as it is told.
    func shown(_ microseconds: Int64) -> Timestamp? {
      guard !isMissing else { return nil }
      let moment = microseconds + shift + (rounds ? resolution / 2 : 0)
      return Timestamp(microseconds: moment - moment % resolution)
    }
  }

  /// The machines of the API, of which each has a clock of its own.
  struct Machines {
    /// How far their clocks are ahead of the first one's, in nanoseconds.
    var ahead: [Int64] = [0]
    /// For how long one of them has all requests until the next one takes over; nil if any of them may
    /// have any request.
    var turn: Duration?

    /// How far the clock of the machine is ahead that has a request now.
    func ahead(in world: World) -> Int64 {
      guard ahead.count > 1 else { return 0 }
      guard let turn else { return ahead.randomElement(using: &world.random) ?? 0 }
      return ahead[Int(world.now / turn.nanoseconds) % ahead.count]
    }
  }

  /// Whether it is as its documents make one think: prefixes are literal or at least always the same,
  /// lists show what answers show.
  var isAsDocumented = true
  /// What prefixes are asked for.
  var prefixes: [String?] = [nil, "A", "AB", "B"]
  private var prefixForms: [RewardID: PrefixForm] = [:]
  private var textForms: [RewardID: TextForm] = [:]
  /// `createdAt` in an answer.
  var answerClock = Clock()
  /// `createdAt` in a list.
  var listClock = Clock()
  /// The `Date` of a list; nil if there is none.
  var date: Clock? = Clock()
  var order = Order.newestFirst
  /// Items of a page at most.
  var pageSize = 1000
  /// Whether a page that comes out of a cache says so with its age.
  var tellsAge = true
  /// Who tells the time.
  var machines = Machines()
  /// Whether a list is in the order of its times, and not in that in which codes came into it.
  var isSortedByTime = false
  /// Rewards whose list shows the codes of all rewards.
  var unfiltered: Set<RewardID> = []
  /// Codes that were made by hand long before, by reward.
  var oldCodes: [RewardID: Int] = [:]

  /// What becomes of a prefix on a reward.
  func prefixForm(of reward: RewardID) -> PrefixForm { prefixForms[reward] ?? .literal }

  /// How the list of a reward shows texts.
  func textForm(of reward: RewardID) -> TextForm { textForms[reward] ?? .same }

  /// Whether the list tells `createdAt` as answers do, so that an answer's codes vouch for it.
  var areTimesTrue: Bool {
    !answerClock.isMissing && !listClock.isMissing && answerClock.shift == listClock.shift
      && isClockOne
  }

  /// Whether all times are told by one clock that nobody sets.
  var isClockOne: Bool { machines.ahead.count == 1 }

  init(in world: World, rewards: [RewardID]) {
    isAsDocumented = world.happens(0.4)
    pageSize = [1000, 1000, 11, 5].randomElement(using: &world.random) ?? 1000
    order = world.happens(0.75) ? .newestFirst : .oldestFirst
    let resolution = Self.resolutions.randomElement(using: &world.random) ?? 1
    answerClock.resolution = resolution
    listClock.resolution = resolution
    date?.resolution = 1_000_000
    let isReplaced = world.happens(0.3)
    for reward in rewards where isReplaced { prefixForms[reward] = .replaced }
    var chance = Chance(world.seed)
    drawMachines(&chance)
    guard !isAsDocumented else { return }
    prefixes = [nil, "A", "AB", "A-B", "b", "Ab-"]
    if world.happens(0.2) { order = .any }
    tellsAge = world.happens(0.5)
    for reward in rewards {
      let forms = PrefixForm.allCases
      prefixForms[reward] =
        world.happens(0.5) ? .literal : forms.randomElement(using: &world.random)
      if world.happens(0.3) {
        textForms[reward] = TextForm.allCases.randomElement(using: &world.random)
      }
      if world.happens(0.4) { oldCodes[reward] = .random(in: 1...40, using: &world.random) }
    }
    drawClocks(world)
    for reward in rewards {
      if chance.happens(0.15) { textForms[reward] = chance.happens(0.5) ? .bare : .lowerPrefix }
      if chance.happens(0.1) { unfiltered.insert(reward) }
    }
  }

  /// Clocks that differ by less than `TimeBasis.unsteadiness`.
  private mutating func drawMachines(_ chance: inout Chance) {
    guard chance.happens(0.2) else { return }
    let side: Int64 = chance.happens(0.6) ? -1 : 1
    for _ in 0...(chance.happens(0.3) ? 1 : 0) {
      let far = chance.happens(0.3) ? Duration.seconds(3) : .seconds(100)
      machines.ahead.append(side * chance.draw(.milliseconds(300)...far))
    }
    if chance.happens(0.5) {
      machines.turn = .nanoseconds(chance.draw(.seconds(10)...(.seconds(300))))
    }
    isSortedByTime = chance.happens(0.5)
  }

  private mutating func drawClocks(_ world: World) {
    func clock(like other: Clock) -> Clock {
      var clock = other
      if world.happens(0.3) {
        clock.resolution = Self.resolutions.randomElement(using: &world.random) ?? 1
      }
      clock.rounds = world.happens(0.3)
      if world.happens(0.2) { clock.shift = world.happens(0.5) ? -18_000_000_000 : 7_200_000_000 }
      clock.isMissing = world.happens(0.12)
      return clock
    }
    answerClock = clock(like: answerClock)
    listClock = world.happens(0.5) ? answerClock : clock(like: answerClock)
    if world.happens(0.2) { date = nil } else if world.happens(0.1) { date?.shift = 3_600_000_000 }
  }

  private static let resolutions: [Int64] = [1, 1000, 1_000_000]

  /// A code's text, made for this prefix.
  func text(_ serial: Int, prefix: String?, of reward: RewardID) -> String {
    let prefix = prefix ?? ""
    let shown =
      switch prefixForm(of: reward) {
      case .literal: prefix
      case .upper: prefix.uppercased()
      case .lower: prefix.lowercased()
      case .bare: prefix.filter { $0.isLetter || $0.isNumber }
      case .dropped: ""
      case .cut: String(prefix.prefix(1))
      case .replaced: "V-"
      }
    return "\(shown)\(serial)Zq"
  }

  /// A code's text as its reward's list shows it.
  func listed(_ text: String, of reward: RewardID) -> String {
    switch textForm(of: reward) {
    case .same: text
    case .lower: text.lowercased()
    case .upper: text.uppercased()
    case .masked: "****" + text.suffix(4)
    case .bare: text.filter { $0 != "-" }
    case .lowerPrefix: lowerPrefix(text)
    }
  }

  private func lowerPrefix(_ text: String) -> String {
    let prefix = text.prefix { !$0.isNumber }
    return prefix.lowercased() + text.dropFirst(prefix.count)
  }
}

/// Chance beside that of a world, so that a world that draws nothing from it is the same without it.
private struct Chance {
  private var random: SeededRandom

  init(_ seed: UInt64) {
    random = SeededRandom(seed: ~seed)
  }

  mutating func happens(_ probability: Double) -> Bool {
    Double.random(in: 0..<1, using: &random) < probability
  }

  mutating func draw(_ range: ClosedRange<Duration>) -> Int64 {
    Int64.random(in: range.lowerBound.nanoseconds...range.upperBound.nanoseconds, using: &random)
  }
}

extension Nature: CustomStringConvertible {
  var description: String {
    let forms = prefixForms.keys.sorted().map {
      "\($0.short) \(prefixForm(of: $0).rawValue) \(textForm(of: $0).rawValue) \(oldCodes[$0] ?? 0)"
    }
    let clocks = isClockOne ? "" : ", \(machines), sorted by time \(isSortedByTime)"
    let all = unfiltered.isEmpty ? "" : ", \(unfiltered.map(\.short).sorted()) show all rewards"
    return "\(isAsDocumented ? "as documented" : "otherwise"), \(forms), answers \(answerClock), "
      + "lists \(listClock), \(order.rawValue), pages of \(pageSize)\(clocks)\(all)"
  }
}
