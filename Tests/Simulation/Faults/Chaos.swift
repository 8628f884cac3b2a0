/// How often things go wrong in one world; drawn by its seed, so that some are calm and some wild.
struct Chaos {
  /// A request to the database fails before it does anything.
  var databaseFails = 0.0
  /// A commit's acknowledgement is lost.
  var acknowledgementLost = 0.0
  /// A request to generate codes meets a fault of any kind.
  var generateFault = 0.0
  /// A page of a listing fails.
  var listFails = 0.0
  /// A page is out of date by up to the settle time.
  var listStale = 0.0
  /// A page has a null in the place of a code.
  var listNull = 0.0
  /// The list comes oldest first, whatever was asked.
  var ignoresOrder = false
  /// Items of a page at most.
  var pageSize = 1000
  /// Codes begin with the prefix that was asked for.
  var isPrefixLiteral = true
  /// How far the API's clock is ahead, in microseconds.
  var clockOffset: Int64 = 0
  /// `createdAt` is cut to this, in microseconds.
  var clockResolution: Int64 = 1
  /// How often somebody else makes codes on a reward.
  var strangers = 0
  /// How often a worker dies, or is stopped, or something is down.
  var incidents = 0

  init(in world: World) {
    let wildness = Double.random(in: 0...1, using: &world.random)
    func rate(_ most: Double) -> Double {
      world.happens(0.3) ? 0 : Double.random(in: 0...most, using: &world.random) * wildness
    }
    databaseFails = rate(0.1)
    acknowledgementLost = rate(0.1)
    generateFault = rate(0.8)
    listFails = rate(0.3)
    listStale = rate(0.6)
    listNull = rate(0.03)
    ignoresOrder = world.happens(0.25)
    pageSize = [1000, 1000, 11, 5].randomElement(using: &world.random) ?? 1000
    isPrefixLiteral = world.happens(0.7)
    clockOffset =
      world.happens(0.5) ? 0 : .random(in: -90_000_000...90_000_000, using: &world.random)
    clockResolution = [1, 1000, 1_000_000].randomElement(using: &world.random) ?? 1
    strangers = world.happens(0.3) ? .random(in: 1...4, using: &world.random) : 0
    incidents = Int.random(in: 0...12, using: &world.random)
  }

  /// The same world with nothing going wrong any more; what it is like by nature stays.
  mutating func calm() {
    databaseFails = 0
    acknowledgementLost = 0
    generateFault = 0
    listFails = 0
    listStale = 0
    listNull = 0
    strangers = 0
    incidents = 0
  }
}
