/// How often things go wrong in one world; drawn by its seed, so that some are calm and some wild.
struct Chaos {
  /// What kind of world it is.
  let bounds: Bounds
  /// A request to the database fails before it does anything.
  var databaseFails = 0.0
  /// A commit's acknowledgement is lost.
  var acknowledgementLost = 0.0
  /// A request to generate codes meets a fault of any kind.
  var generateFault = 0.0
  /// A request leaves at the last moment of its lease, its worker dies, and it takes effect at the
  /// last moment at which it can.
  var lastMoment = 0.0
  /// A request takes effect after the last moment at which it should be able to, up to hours later.
  var effectIsLate = 0.0
  /// A page of a listing fails.
  var listFails = 0.0
  /// A page is out of date by up to the listing gap.
  var listStale = 0.0
  /// A page has a null in the place of a code.
  var listNull = 0.0
  /// A code is shown as a null for a while, or all that one call makes are.
  var codeIsNull = 0.0
  /// A page takes seconds.
  var listSlow = 0.0
  /// A page comes out of a cache.
  var listCached = 0.0
  /// A list never shows a code.
  var codeIsHidden = 0.0
  /// Somebody else makes one code after the other, in so many streams.
  var streams = 0
  /// Workers have different settings.
  var isFleetMixed = false
  /// By how much a list may be out of date: the smallest `reconcile.listing_gap_seconds` of the fleet.
  var lag: Duration = .seconds(10)
  /// How far the API's clock is ahead, in microseconds.
  var clockOffset: Int64 = 0
  /// How much faster than true it runs, in parts of one.
  var clockDrift = 0.0
  /// How often somebody else makes codes on a reward.
  var rivals = 0
  /// Somebody else makes codes at the moment when a call does.
  var rivalEcho = 0.0
  /// How often a worker dies, or is stopped, or something is down.
  var incidents = 0
  /// How often an operator steps in.
  var operations = 0
  /// How often the clock of the API or of the database is set, either way.
  var clockSteps = 0
  /// How often a lease is taken away before its time.
  var thefts = 0
  /// How often the database fails over and loses its last commits.
  var failovers = 0
  /// Whether the ledger is restored from a dump.
  var isRestored = false
  /// How far the clock of the server that takes over may be from that of the one before.
  var otherClock: Duration = .zero
  /// How often somebody keeps the row of a reward or a job locked.
  var locks = 0
  /// How often somebody sets a counter wrong, or takes a job out of the queue.
  var wounds = 0
  /// How often an operator removes a job that has ended.
  var purges = 0

  /// Within which of the bounds of the protocol a world stays.
  struct Bounds {
    /// Nobody but codemint makes codes.
    var isAlone = true
    /// A request takes effect while it can, by the protocol, or never.
    var isTimely = true
    /// The clocks of the API and of the database run steadily.
    var isSteady = true
    /// A lease ends at its time.
    var isLeased = true
    /// Lists show every code, at the latest when they may no longer be out of date.
    var isListed = true
    /// What was committed stays.
    var isDurable = true

    /// Whether a call judged absent has made nothing and never will.
    var isJudgementExact: Bool { isTimely && isJudgementExactInTime }

    /// Whether a call judged absent has made nothing that could be seen by then.
    var isJudgementExactInTime: Bool { isAlone && isSteady && isLeased && isListed }

    static func draw(in world: World) -> Bounds {
      switch Int.random(in: 0..<14, using: &world.random) {
      case 5: Bounds(isAlone: false)
      case 6: Bounds(isTimely: false)
      case 7: Bounds(isSteady: false)
      case 8: Bounds(isLeased: false)
      case 9: Bounds(isListed: false)
      case 10, 11: Bounds(isDurable: false)
      case 12:
        Bounds(
          isAlone: world.happens(0.5),
          isTimely: world.happens(0.5),
          isSteady: world.happens(0.5),
          isLeased: world.happens(0.5),
          isListed: world.happens(0.5),
          isDurable: world.happens(0.5)
        )
      default: Bounds()
      }
    }
  }

  init(in world: World) {
    bounds = Bounds.draw(in: world)
    let wildness = Double.random(in: 0.2...1, using: &world.random)
    func rate(_ most: Double) -> Double {
      world.happens(0.25) ? 0 : Double.random(in: 0...most, using: &world.random) * wildness
    }
    func number(_ most: Int) -> Int { Int.random(in: 1...most, using: &world.random) }
    databaseFails = rate(0.1)
    acknowledgementLost = rate(0.1)
    generateFault = rate(0.6)
    listFails = rate(0.2)
    listStale = rate(0.6)
    listNull = rate(0.02)
    codeIsNull = world.happens(0.1) ? 0.1 : 0
    listSlow = rate(0.2)
    listCached = world.happens(0.3) ? rate(0.2) : 0
    clockOffset =
      world.happens(0.5) ? 0 : .random(in: -90_000_000...90_000_000, using: &world.random)
    clockDrift = world.happens(0.6) ? 0 : .random(in: -0.0005...0.0005, using: &world.random)
    incidents = Int.random(in: 0...12, using: &world.random)
    operations = world.happens(0.3) ? number(4) : 0
    if world.happens(0.2) {
      lastMoment = 0.2
      listStale = 0.8
    }
    if world.happens(0.25) {
      isFleetMixed = true
      lag = .seconds(2)
    }
    if !bounds.isAlone {
      rivals = number(4)
      rivalEcho = rate(0.5)
      if world.happens(0.4) { streams = number(2) }
    }
    if !bounds.isListed { codeIsHidden = 0.02 + rate(0.2) }
    if !bounds.isDurable {
      if world.happens(0.6) { failovers = number(2) } else { isRestored = true }
      if world.happens(0.5) { otherClock = .seconds(90) }
    }
    if world.happens(0.15) { locks = number(4) }
    if world.happens(0.1) { wounds = number(4) }
    if world.happens(0.2) { purges = number(6) }
    if !bounds.isTimely { effectIsLate = 0.2 + rate(0.6) }
    if !bounds.isSteady { clockSteps = number(4) }
    if !bounds.isLeased { thefts = number(6) }
  }

  /// The same world with nothing going wrong any more; what it is like by nature stays.
  mutating func calm() {
    databaseFails = 0
    acknowledgementLost = 0
    generateFault = 0
    lastMoment = 0
    effectIsLate = 0
    listFails = 0
    listStale = 0
    listNull = 0
    listCached = 0
    codeIsHidden = 0
    codeIsNull = 0
    listSlow = 0
    rivals = 0
    rivalEcho = 0
    failovers = 0
    incidents = 0
    operations = 0
    clockSteps = 0
    thefts = 0
    locks = 0
    wounds = 0
    purges = 0
  }
}

/// What a ledger can be made to do wrong, so that a test shows that the laws notice.
public enum Sabotage: String, Sendable, CaseIterable {
  /// A claim is answered and not committed.
  case claimsAreForgotten
  /// The end of a call is acknowledged and not recorded.
  case endsAreForgotten
  /// A call whose lease ran out is taken for one that never happened, and its codes are asked for
  /// again: what a queue does that delivers at least once.
  case expiredIsRetried
}
