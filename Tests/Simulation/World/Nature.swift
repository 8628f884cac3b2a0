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
  /// Codes that were made by hand long before, by reward.
  var oldCodes: [RewardID: Int] = [:]

  /// What becomes of a prefix on a reward.
  func prefixForm(of reward: RewardID) -> PrefixForm { prefixForms[reward] ?? .literal }

  /// How the list of a reward shows texts.
  func textForm(of reward: RewardID) -> TextForm { textForms[reward] ?? .same }

  /// Whether the list tells `createdAt` as answers do, so that an answer's codes vouch for it.
  var areTimesTrue: Bool {
    !answerClock.isMissing && !listClock.isMissing && answerClock.shift == listClock.shift
  }

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
    }
  }
}

extension Nature: CustomStringConvertible {
  var description: String {
    let forms = prefixForms.keys.sorted().map {
      "\($0.short) \(prefixForm(of: $0).rawValue) \(textForm(of: $0).rawValue) \(oldCodes[$0] ?? 0)"
    }
    return "\(isAsDocumented ? "as documented" : "otherwise"), \(forms), answers \(answerClock), "
      + "lists \(listClock), \(order.rawValue), pages of \(pageSize)"
  }
}
