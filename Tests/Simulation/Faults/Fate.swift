import Provisioning

/// What becomes of one request to generate codes: what it makes, when, and how it ends.
struct Fate {
  /// How many codes are made of so many that were asked for.
  enum Making { case none, all, some, more }

  /// When they are.
  enum Moment { case soon, slowly, afterHangUp, tooLate }

  /// How the request ends.
  enum Ending {
    /// No connection is had.
    case noConnection
    /// The body goes out and no answer comes.
    case silence
    /// The body goes out and something comes that proves nothing.
    case broken(DoubtReason)
    /// The API refuses, and has made nothing.
    case refused(Rejection)
    /// A 201.
    case answered(Showing)
  }

  /// What a 201 shows of the codes that were made.
  enum Showing: CaseIterable {
    case plain, nulls, keepsBack, doubled, foreign, unstorable
    /// Some of the codes are such as were shown before, in the place of new ones.
    case known
    /// The reward's previous 201 comes again.
    case replayed
    /// The same, and nothing was made: a proxy took two requests for one.
    case collapsed
    /// Two calls in flight get each other's answer.
    case swapped

    /// What an API may do to answers that is as its documents make one think.
    static let asDocumented = [plain, nulls, keepsBack, doubled, foreign, unstorable]
  }

  var making = Making.all
  var moment = Moment.soon
  var ending = Ending.answered(.plain)

  /// All goes well.
  static let works = Fate()

  /// Draws one.
  static func draw(in stage: Stage) -> Fate {
    let world = stage.world
    guard world.happens(stage.chaos.generateFault) else { return works }
    var fate = Fate()
    switch Int.random(in: 0..<24, using: &world.random) {
    case 0..<2:
      fate.making = .none
      fate.ending = .noConnection
    case 2..<4:
      fate.making = .none
      fate.ending = .refused(throttling(world))
    case 4:
      fate.making = .none
      if world.happens(0.3) { fate.ending = .refused(refusal(world)) }
    case 5..<12: fate.ending = .silence
    case 12..<18: fate.ending = .broken(breakage(world))
    default:
      let showings = stage.nature.isAsDocumented ? Showing.asDocumented : Showing.allCases
      fate.ending = .answered(showings.randomElement(using: &world.random) ?? .plain)
    }
    fate.draw(world, isLate: world.happens(stage.chaos.effectIsLate))
    if case .answered(.collapsed) = fate.ending { fate.making = .none }
    return fate
  }

  private mutating func draw(_ world: World, isLate: Bool) {
    let chance = Double.random(in: 0..<1, using: &world.random)
    switch ending {
    case .noConnection, .refused: break
    case .answered:
      making = chance < 0.8 ? .all : chance < 0.9 ? .some : .more
      moment = world.happens(0.2) ? .slowly : .soon
    case .silence:
      making = chance < 0.45 ? .none : chance < 0.92 ? .all : chance < 0.97 ? .some : .more
      moment = isLate ? .tooLate : world.happens(0.5) ? .afterHangUp : .soon
    case .broken:
      making = chance < 0.45 ? .none : chance < 0.92 ? .all : chance < 0.97 ? .some : .more
      moment = isLate ? .tooLate : world.happens(0.2) ? .afterHangUp : .soon
    }
  }

  /// A 429, with every kind of pause.
  private static func throttling(_ world: World) -> Rejection {
    let pauses: [Duration?] = [nil, .zero, .seconds(1), .seconds(7)]
    let usual = pauses.randomElement(using: &world.random) ?? nil
    let pause = world.happens(0.05) ? .seconds(100_000) : usual
    return rejection(.pace(pause: pause), 429)
  }

  /// A refusal of the request itself, which its job does not survive.
  private static func refusal(_ world: World) -> Rejection {
    let statuses = [400, 404, 405, 410, 413, 415, 422, 307, 308]
    return rejection(.request, statuses.randomElement(using: &world.random) ?? 400)
  }

  /// A refusal with a status.
  static func rejection(_ scope: Rejection.Scope, _ status: Int) -> Rejection {
    Rejection(scope: scope, code: "http_\(status)", message: "refused")
  }

  /// Redirects, conflicts, 5xx, resets, and answers that cannot be read.
  private static func breakage(_ world: World) -> DoubtReason {
    let statuses = [301, 302, 303, 408, 409, 425, 500, 502, 503, 504]
    let status = statuses.randomElement(using: &world.random) ?? 500
    let reasons: [DoubtReason] = [
      .status(status, code: "http_\(status)", message: "failed"),
      .status(status, code: "http_\(status)", message: "failed"),
      .connectionLost("reset"), .connectionLost("reset"),
      .unreadable("cut off"), .unreadable("HTML with a 201"), .tooLarge,
    ]
    return reasons.randomElement(using: &world.random) ?? .timeout
  }

  /// How many codes are made of so many that were asked for.
  func number(of size: Int, _ random: inout some RandomNumberGenerator) -> Int {
    switch making {
    case .none: 0
    case .all: size
    case .some: Int.random(in: 0..<size, using: &random)
    case .more: size + Int.random(in: 1...3, using: &random)
    }
  }
}
