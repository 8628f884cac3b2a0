/// One way in which an API can differ from its documents.
struct Axis: Sendable {
  /// What it can be like instead. Each is the rules that make it so.
  let differences: [[FaultRule]]

  init(_ endpoints: FaultRule.Endpoint..., be faults: [Fault]) {
    differences = faults.map { fault in endpoints.map { FaultRule($0, fault) } }
  }

  init(rules: [FaultRule]) {
    differences = rules.map { [$0] }
  }
}

extension FaultPlan {
  /// Draws one value for each axis on which an API can differ from its documents: half of them are as
  /// documented. The same seed and the same other values draw the same plan, on every machine.
  /// - Parameters:
  ///   - rewards: rewards that get a form of the prefix each; all get the same without them.
  ///   - prefixes: prefixes that jobs will ask for; some old codes begin with one of them.
  public static func axes(
    seed: UInt64,
    rewards: [String] = [],
    prefixes: [String] = []
  ) -> FaultPlan {
    var rules: [FaultRule] = []
    if rewards.isEmpty { rules += prefix.drawn(mixed(~mixed(seed))) }
    for (place, axis) in Self.axes(prefixes).enumerated() {
      rules += axis.drawn(mixed(mixed(seed) &+ UInt64(place)))
    }
    for (place, reward) in rewards.enumerated() {
      for rule in prefix.drawn(mixed(~mixed(seed) &+ UInt64(place + 1))) {
        var rule = rule
        rule.reward = reward
        rules.append(rule)
      }
    }
    return FaultPlan(seed: seed, rules: rules)
  }

  private static let prefix = Axis(
    .generate,
    be: [.upper, .lower, .plain, .dropped, .cut(4)].map(Fault.prefix)
  )

  private static let times = [
    TimeForm(offset: 18_000, zone: .none), TimeForm(offset: 18_000), TimeForm(offset: -18_000),
    TimeForm(zone: .hours(5.5)), TimeForm(zone: .none), TimeForm(resolution: .seconds),
    TimeForm(resolution: .seconds, rounded: true), TimeForm(resolution: .microseconds),
    TimeForm(resolution: .minutes),
  ].map(Fault.times)

  private static func axes(_ prefixes: [String]) -> [Axis] {
    let age = Fault.headers(set: ["Age": "0"])
    return [
      Axis(.list, be: [.lower, .upper, .masked, .dashless].map(Fault.texts)),
      Axis(.generate, be: times),
      Axis(.list, be: times),
      Axis(.list, be: [.withheld(.createdAt, as: .missing), .withheld(.createdAt)]),
      Axis(.list, be: [.withheld(.updatedAt), .withheld(.updatedAt, as: .missing)]),
      Axis(.generate, .list, be: [.date(offset: -7200), .date(missing: true)]),
      Axis(.generate, .list, be: [age]),
      Axis(
        .list,
        be: [.cached(seconds: 5), .cached(seconds: 5, age: true), .stale(seconds: 2)]
      ),
      Axis(.list, be: [1, 7, 50, 100, 500].map(Fault.shortPage)),
      Axis(.list, be: [.making, .ascending, .ids].map(Fault.order)),
      Axis(.list, be: [.hidden(share: 0.1), .hidden(share: 0.5), .hidden(status: .redeemed)]),
      Axis(rules: failingLists),
      Axis(rules: oddAnswers),
      Axis(rules: lostAnswers),
      Axis(.reward, be: old(prefixes)),
      Axis(
        .reward,
        be: [1, 5, 30].flatMap {
          [.stream(everySeconds: $0), .stream(everySeconds: $0, prefix: .none)]
        }
      ),
    ]
  }

  private static let failingLists = [
    Fault.status(429, retryAfter: RetryAfter(.seconds, seconds: 5)), .status(503), .status(404),
  ].map { FaultRule(.list, $0, from: 5, until: 35) }

  private static let oddAnswers = [
    Fault.replayed(), .replayed(made: false), .collapsed(seconds: 1), .swapped(seconds: 1),
    .swapped(seconds: 1, across: true),
    .older(count: 5), .older(count: 5, made: true), .nulls(count: 3), .nulls(count: 3, made: false),
    .short(by: 500, made: true), .short(by: 7, made: true), .short(by: 500),
  ].map { FaultRule(.generate, $0, probability: 0.1) }

  private static let lostAnswers = [
    Fault.reset(at: .beforeAnswer, made: .all), .reset(at: .beforeAnswer), .hang(made: .all),
    .generateLate(seconds: 1), .slow(seconds: 2, answer: 2), .slow(seconds: 4),
    .status(502, made: .all), .cut(),
  ].map { FaultRule(.generate, $0, probability: 0.1) }

  private static func old(_ prefixes: [String]) -> [Fault] {
    ([nil] + prefixes).flatMap { prefix in
      [(40, 100.0), (500, 100.0), (500, 0.01), (3000, 1.0)].map { count, days in
        .old(count: count, days: days, prefix: prefix)
      }
    }
  }
}

extension Axis {
  /// The rules of one value, none for what is documented.
  fileprivate func drawn(_ lot: UInt64) -> [FaultRule] {
    lot & 1 == 0 ? [] : differences[Int(lot >> 8) % differences.count]
  }
}
