internal import Synchronization

/// Holds the plan in force and decides, request by request, which of its rules strike. The same plan,
/// seed and order of requests give the same decisions.
final class FaultDice: Sendable {
  /// How often a rule has been looked at and has struck.
  struct Tally: Sendable, Equatable {
    var seen = 0
    var struck = 0
  }

  private struct State {
    var plan: FaultPlan
    var rewards: [UUIDBits?]
    var tallies: [Tally]
    /// When the plan took force, on the monotonic clock.
    let since: UInt64
    /// The rewards that the plan has met; kept only if it has rules about that.
    var met: Set<UUIDBits> = []
    let looksAtRewards: Bool

    init(_ plan: FaultPlan, at moment: UInt64) {
      self.plan = plan
      since = moment
      looksAtRewards = plan.rules.contains { $0.endpoint == .reward }
      rewards = plan.rules.map { $0.reward.flatMap { UUIDBits($0) } }
      tallies = Array(repeating: Tally(), count: plan.rules.count)
    }
  }

  private let fallbackSeed: UInt64
  private let state: Mutex<State>

  /// - Parameter moment: when it takes force, on the monotonic clock.
  init(_ plan: FaultPlan, seed: UInt64, at moment: UInt64) {
    fallbackSeed = seed
    state = Mutex(State(plan, at: moment))
  }

  var plan: FaultPlan { state.withLock { $0.plan } }
  var tallies: [Tally] { state.withLock { $0.tallies } }

  /// Decides which codes are shuffled or hidden: the same as long as the plan is.
  var listingKey: UInt64 { mixed(plan.seed ?? fallbackSeed) }

  /// Puts another plan in force, with all its counts at the start.
  func replace(_ plan: FaultPlan, at moment: UInt64) {
    state.withLock { $0 = State(plan, at: moment) }
  }

  /// Decides about the next request of this kind, which arrived at this moment.
  func decide(
    _ endpoint: FaultRule.Endpoint,
    of reward: UUIDBits? = nil,
    at moment: UInt64
  ) -> FaultDecision {
    state.withLock { decide(endpoint, of: reward, at: moment, &$0) }
  }

  /// Decides about a reward that is asked about; nil if the plan has met it before.
  func meet(_ reward: UUIDBits, at moment: UInt64) -> FaultDecision? {
    state.withLock { state in
      guard state.looksAtRewards, state.met.insert(reward).inserted else { return nil }
      return decide(.reward, of: reward, at: moment, &state)
    }
  }

  private func decide(
    _ endpoint: FaultRule.Endpoint,
    of reward: UUIDBits?,
    at moment: UInt64,
    _ state: inout State
  ) -> FaultDecision {
    var decision = FaultDecision()
    let elapsed = Double(moment - min(moment, state.since)) * 1e-9
    for index in state.plan.rules.indices {
      let rule = state.plan.rules[index]
      guard rule.endpoint == endpoint, rule.reward == nil || state.rewards[index] == reward,
        elapsed >= rule.from ?? 0, elapsed < rule.until ?? .infinity
      else { continue }
      state.tallies[index].seen += 1
      let seen = state.tallies[index].seen
      let seed = mixed(state.plan.seed ?? fallbackSeed) &+ UInt64(index)
      let lot = mixed(mixed(seed) &+ UInt64(seen))
      guard rule.strikes(seen: seen, struck: state.tallies[index].struck, lot: lot) else {
        continue
      }
      state.tallies[index].struck += 1
      decision.add(rule.fault, lot: mixed(lot))
    }
    return decision
  }
}

extension FaultRule {
  /// Whether it strikes the request that is the `seen`th to match it.
  fileprivate func strikes(seen: Int, struck: Int, lot: UInt64) -> Bool {
    let place = seen - skip
    guard place > 0, place <= first ?? .max, place % every == 0, struck < times ?? .max else {
      return false
    }
    return Share(probability).covers(lot)
  }
}

/// What the rules make of one request: additions add up, the first ending wins.
struct FaultDecision: Sendable {
  /// Changes to the codes shown.
  struct Changes: Sendable, Equatable {
    /// Nulls shown in place of codes that exist.
    var nullsForCodes = 0
    /// Nulls shown beside the codes that exist.
    var nullsForNothing = 0
    /// Codes that exist and are not shown.
    var hidden = 0
    var doubled = 0
    var doubledInstead = 0
    var foreign = 0
    var foreignInstead = 0
    /// Older codes shown behind the others.
    var older = 0
    /// Older codes shown in place of the last ones, which exist unseen.
    var olderInstead = 0
    var marks: [Mark] = []

    /// So many codes, and what is wrong with each.
    struct Mark: Sendable, Equatable {
      let count: Int
      let blemish: Blemish
    }
  }

  private(set) var latency = 0.0
  private(set) var headers: [String: String] = [:]
  private(set) var changes = Changes()
  /// How many codes more than asked for are made; fewer if negative.
  private(set) var surplus = 0
  private(set) var order: OrderShown?
  private(set) var stale = 0.0
  private(set) var tellsAge = false
  private(set) var pageLimit: Int?
  private(set) var rivals: [(count: Int, prefix: RivalPrefix)] = []
  private(set) var prefix = PrefixForm.literal
  private(set) var look = Look()
  private(set) var date: (offset: Double, missing: Bool)?
  private(set) var cache: (seconds: Double, age: Bool)?
  private(set) var hides: (share: Double, status: CodeStatus?)?
  /// Whether what is asked for is made though the previous answer is given; nil where it is not given.
  private(set) var replaysAndMakes: Bool?
  private(set) var collapses: Double?
  private(set) var swaps: (seconds: Double, across: Bool)?
  private(set) var resent = 0
  private(set) var old: [(count: Int, days: Double, prefix: String?)] = []
  private(set) var streams: [(seconds: Double, prefix: RivalPrefix)] = []
  private(set) var ending: Fault?
  /// The names of what struck, in order.
  private(set) var names: [String] = []

  /// Takes in a fault that strikes.
  /// - Parameter lot: a number of the dice for this fault and request.
  mutating func add(_ fault: Fault, lot: UInt64) {
    switch fault {
    case .latency(let seconds, let jitter):
      latency += seconds + jitter * Double(lot >> 11) * 0x1p-53
    case .headers(let headers): self.headers.merge(headers) { _, new in new }
    case .nulls(let count, made: true): changes.nullsForCodes += count
    case .nulls(let count, made: false):
      changes.nullsForNothing += count
      surplus -= count
    case .short(let missing, made: true): changes.hidden += missing
    case .short(let missing, made: false): surplus -= missing
    case .long(let more): surplus += more
    case .doubled(let count, instead: true): changes.doubledInstead += count
    case .doubled(let count, instead: false): changes.doubled += count
    case .foreign(let count, instead: true): changes.foreignInstead += count
    case .foreign(let count, instead: false): changes.foreign += count
    case .unknownValues(let count): changes.marks.append(.init(count: count, blemish: .values))
    case .extraFields(let count): changes.marks.append(.init(count: count, blemish: .fields))
    case .nulCharacter(let count, let field):
      changes.marks.append(.init(count: count, blemish: Blemish(nulIn: field)))
    case .order(let order): self.order = order
    case .stale(let seconds, let age):
      stale = max(stale, seconds)
      tellsAge = tellsAge || age
    case .shortPage(let limit): pageLimit = min(pageLimit ?? limit, limit)
    case .somebodyElse(let count, let prefix): rivals.append((count, prefix))
    case .prefix(let form): prefix = form
    case .texts(let form): look.texts = form
    case .times(let form): look.times = form
    case .withheld(.createdAt, let withholding): look.createdAt = withholding
    case .withheld(.updatedAt, let withholding): look.updatedAt = withholding
    case .withheld(.externalIds, let withholding): look.externalIds = withholding
    case .withheld(.pagination, let withholding): look.pagination = withholding
    case .date(let offset, let missing): date = (offset, missing)
    case .cached(let seconds, let age): cache = (seconds, age)
    case .hidden(let share, let status): hides = (share, status)
    case .replayed(let made): replaysAndMakes = made
    case .collapsed(let seconds): collapses = seconds
    case .swapped(let seconds, let across): swaps = (seconds, across)
    case .older(let count, made: true): changes.olderInstead += count
    case .older(let count, made: false):
      changes.older += count
      surplus -= count
    case .resent(let times): resent += times
    case .old(let count, let days, let prefix): old.append((count, days, prefix))
    case .stream(let seconds, let prefix): streams.append((seconds, prefix))
    case .status, .reset, .hang, .generateLate, .slow, .cut, .html, .drip, .flood:
      guard ending == nil else { return }
      ending = fault
    }
    names.append(fault.name)
  }
}
