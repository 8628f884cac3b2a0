import Backstage
import Foundation

/// Where a daemon runs: the words by which it is started.
struct Berth: Sendable {
  let program: String
  let arguments: [String]
  let environment: [String: String]
}

/// The daemons. There is always the same number of them: for each that ends, another one starts.
actor Fleet {
  /// What has been done to them, and what they did.
  struct Tally: Sendable {
    var started = 0
    var kills = 0
    var suspensions = 0
    var drains = 0
    /// Ends that nobody asked for.
    var deaths = 0
  }

  private(set) var tally = Tally()
  private var running: [CodemintProcess] = []
  /// Which berth each of them has.
  private var places: [pid_t: Int] = [:]
  /// Those that are suspended, or have been told to stop.
  private var busy: Set<pid_t> = []
  private var isClosed = false
  private let berths: [Berth]
  private let log: FileHandle?

  init(_ berths: [Berth], log: FileHandle?) {
    self.berths = berths
    self.log = log
  }

  /// Starts one in each berth.
  func start() throws {
    for place in berths.indices { try add(at: place) }
  }

  private func add(at place: Int) throws {
    guard !isClosed else { return }
    let berth = berths[place]
    let worker = try CodemintProcess(
      berth.arguments,
      environment: berth.environment,
      program: berth.program
    )
    running.append(worker)
    places[worker.process] = place
    tally.started += 1
  }

  /// Waits for a daemon's end and puts another in its place.
  private func replace(_ worker: CodemintProcess, after pause: Duration) async throws
    -> CodemintProcess.Ending
  {
    let ending = try await worker.end()
    let place = places.removeValue(forKey: worker.process) ?? 0
    running.removeAll { $0 === worker }
    busy.remove(worker.process)
    write(worker)
    try await Time.pass(pause)
    try add(at: place)
    return ending
  }

  private func pick(_ dice: inout Dice) -> CodemintProcess? {
    running.filter { !busy.contains($0.process) }.randomElement(using: &dice)
  }

  // MARK: Bad weather

  /// Kills one with SIGKILL.
  func kill(_ dice: inout Dice) async throws {
    guard let worker = pick(&dice) else { return }
    let pause = dice.seconds(0...2)
    busy.insert(worker.process)
    worker.send(SIGKILL)
    let ending = try await replace(worker, after: pause)
    if ending == .signal(SIGKILL) { tally.kills += 1 } else { tally.deaths += 1 }
  }

  /// Tells one to stop, and gives it the time that it takes.
  func drain(_ dice: inout Dice) async throws {
    guard let worker = pick(&dice) else { return }
    busy.insert(worker.process)
    worker.send(SIGTERM)
    _ = try await replace(worker, after: .zero)
    tally.drains += 1
  }

  /// Suspends one for longer than its leases last.
  func suspend(_ dice: inout Dice, for pause: Duration) async throws {
    guard let worker = pick(&dice) else { return }
    busy.insert(worker.process)
    worker.send(SIGSTOP)
    try await Time.pass(pause)
    worker.send(SIGCONT)
    busy.remove(worker.process)
    tally.suspensions += 1
  }

  /// Puts another in the place of each that has ended by itself.
  func replaceEnded() async throws {
    for worker in running where !busy.contains(worker.process) && worker.hasEnded {
      let ending = try await replace(worker, after: .zero)
      tally.deaths += 1
      Console.say("a daemon ended by itself: \(ending)")
      worker.errors.all.suffix(5).forEach { Console.say("  \($0)") }
    }
  }

  // MARK: The end

  /// Ends all of them.
  func close() async {
    isClosed = true
    for worker in running {
      await worker.bury()
      write(worker)
    }
    running = []
  }

  /// What each has logged last.
  var lastWords: [String] {
    running.flatMap { worker in
      ["  daemon \(worker.process):"] + worker.errors.all.suffix(8).map { "    \($0)" }
    }
  }

  private func write(_ worker: CodemintProcess) {
    let lines = worker.errors.all.map { "\(worker.process) \($0)\n" }.joined()
    try? log?.write(contentsOf: Data(lines.utf8))
  }
}
