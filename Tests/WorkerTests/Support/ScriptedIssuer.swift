import MemoryStore
import Provisioning
import Synchronization

/// The API, as a test wants it.
final class ScriptedIssuer: CodeIssuer {
  /// How a request ends.
  enum Ending: Sendable {
    /// As many codes as asked for.
    case exact
    /// This many codes.
    case codes(Int)
    /// As many codes as asked for, of which the answer shows this many.
    case shown(Int)
    /// As many codes as asked for, and no answer.
    case lost
    /// Anything else.
    case outcome(CallOutcome)
  }

  /// What is to happen with one request.
  struct Scene: Sendable {
    var ending = Ending.exact
    /// Until there is a connection and the body is produced.
    var connecting: Duration = .zero
    /// From the body until the answer is complete.
    var latency: Duration = .milliseconds(80)
    /// What the answer says of the pace.
    var feedback: PaceFeedback?
  }

  /// A request whose body left.
  struct Request: Sendable {
    let call: Call
    let at: Instant
  }

  private struct State {
    var asked = 0
    var requests: [Request] = []
    var inFlight: [RewardID: Int] = [:]
    var mostInFlight = 0
    var mostOfOneReward = 0
    var teamAnswers: [TeamAnswer] = []
    var teamChecks = 0
    var hidden = 0
    var spoiled: Set<Int> = []
    var isListed = false
    var listsEverything = false
    var listFailure: ListingFailure?
    var listDelays: [RewardID: Duration] = [:]
    var listed: [RewardID: Int] = [:]
    var listFeedback: [PaceFeedback] = []
    var made: [RewardID: [IssuedCode]] = [:]
  }

  /// What it lists to workers that track codes.
  let shelf = ListedShelf()
  let time: VirtualTime
  private let script: @Sendable (Int, Call) -> Scene
  private let mint = CodeMint()
  private let foreign = CodeMint()
  private let state = Mutex(State())

  /// - Parameter script: What happens with the n-th request, counted from 1.
  init(time: VirtualTime, script: @escaping @Sendable (Int, Call) -> Scene) {
    self.time = time
    self.script = script
  }

  /// The requests whose bodies left.
  var requests: [Request] { state.withLock { $0.requests } }
  /// The codes that exist because of them.
  var codesMade: Int { mint.made }
  /// The most requests at a time.
  var mostInFlight: Int { state.withLock { $0.mostInFlight } }
  /// The most requests for one reward at a time.
  var mostOfOneReward: Int { state.withLock { $0.mostOfOneReward } }
  /// How often the key was checked.
  var teamChecks: Int { state.withLock { $0.teamChecks } }

  /// What the next checks of the key say; accepted when there is nothing left to say.
  func teamSays(_ answers: [TeamAnswer]) {
    state.withLock { $0.teamAnswers = answers }
  }

  func generate(_ call: Call, mayStillSend: @escaping @Sendable () -> Bool) async -> CallReport {
    let number = state.withLock { state in
      state.asked += 1
      return state.asked
    }
    let scene = script(number, call)
    let start = time.now
    await time.pass(scene.connecting)
    if case .outcome(.unsent(let reason)) = scene.ending {
      return report(.unsent(reason), since: start)
    }
    guard mayStillSend() else { return report(.unsent(.leaseLost), since: start) }
    sent(call)
    await time.pass(scene.latency)
    state.withLock { $0.inFlight[call.reward, default: 0] -= 1 }
    return report(outcome(scene.ending, call), since: start, feedback: scene.feedback)
  }

  /// The next pages say this of the pace.
  func listingsSay(_ feedback: [PaceFeedback]) {
    state.withLock { $0.listFeedback = feedback }
  }

  /// From now on what was made can be listed.
  func startListing() {
    state.withLock { $0.isListed = true }
  }

  /// From now on every list shows the codes of all rewards.
  func listEverything() {
    state.withLock { $0.listsEverything = true }
  }

  /// The items that were made at these places, the first at 0, cannot be read but for their ids.
  func spoil(_ places: Set<Int>) {
    state.withLock { $0.spoiled = places }
  }

  /// From now on lists do not show so many of the newest codes.
  func hideNewest(_ number: Int) {
    state.withLock { $0.hidden = number }
  }

  /// From now on every page fails so, or none.
  func failListing(_ failure: ListingFailure?) {
    state.withLock { $0.listFailure = failure }
  }

  /// Pages of a reward take so long from now on.
  func delayListing(of reward: RewardID, by delay: Duration) {
    state.withLock { $0.listDelays[reward] = delay }
  }

  /// How many pages of a reward were asked for.
  func pagesListed(of reward: RewardID) -> Int {
    state.withLock { $0.listed[reward] ?? 0 }
  }

  /// Somebody else makes codes of a reward now.
  func makeForeign(_ number: Int, of reward: RewardID) {
    let now = time.now
    let codes = foreign.make(number, of: reward).map { $0.foreign(madeAt: now) }
    state.withLock { $0.made[reward, default: []] += codes }
  }

  /// Where nothing is listed doubts stay: what listing does about them is shown elsewhere.
  func list(_ reward: RewardID, offset: Int, limit: Int) async
    -> Paced<Result<ListedPage, ListingFailure>>
  {
    let (delay, failure) = state.withLock { state in
      state.listed[reward, default: 0] += 1
      return (state.listDelays[reward] ?? .milliseconds(20), state.listFailure)
    }
    await time.pass(delay)
    if let failure { return Paced(.failure(failure)) }
    let made = state.withLock { state in
      let all = state.made.values.flatMap { $0 }.sorted {
        ($0.createdAt?.microseconds ?? 0) < ($1.createdAt?.microseconds ?? 0)
      }
      let shown = state.listsEverything ? all : state.made[reward] ?? []
      return state.isListed ? shown.dropLast(state.hidden) : nil
    }
    guard let made else { return Paced(.failure(.failed("nothing is listed here"))) }
    let spoiled = Set(state.withLock { $0.spoiled }.filter { $0 < made.count }.map { made[$0].id })
    let page = Array(made.reversed().dropFirst(offset).prefix(limit))
    return Paced(
      .success(ListedPage(page, spoiled)),
      feedback: state.withLock { $0.listFeedback.isEmpty ? nil : $0.listFeedback.removeFirst() }
    )
  }

  func checkTeam() async -> Paced<TeamAnswer> {
    await time.pass(.milliseconds(20))
    return Paced(
      state.withLock { state in
        state.teamChecks += 1
        return state.teamAnswers.isEmpty ? .accepted : state.teamAnswers.removeFirst()
      }
    )
  }

  private func sent(_ call: Call) {
    let now = time.now
    state.withLock { state in
      state.requests.append(Request(call: call, at: now))
      state.inFlight[call.reward, default: 0] += 1
      state.mostInFlight = max(state.mostInFlight, state.inFlight.values.reduce(0, +))
      state.mostOfOneReward = max(state.mostOfOneReward, state.inFlight[call.reward] ?? 0)
    }
  }

  private func outcome(_ ending: Ending, _ call: Call) -> CallOutcome {
    switch ending {
    case .exact: made(call.size, call)
    case .codes(let number): made(number, call)
    case .shown(let number): made(call.size, call, shown: number)
    case .lost: lost(call)
    case .outcome(let outcome): outcome
    }
  }

  private func lost(_ call: Call) -> CallOutcome {
    _ = made(call.size, call)
    return .unknown(.timeout)
  }

  private func made(_ number: Int, _ call: Call, shown: Int = .max) -> CallOutcome {
    let now = time.now
    let codes = mint.make(number, of: call.reward).map { $0.made(at: now) }
    state.withLock { $0.made[call.reward, default: []] += codes }
    return .issued(Answer(codes: Array(codes.prefix(shown)), nulls: 0, body: []))
  }

  private func report(
    _ outcome: CallOutcome,
    since start: Instant,
    feedback: PaceFeedback? = nil
  ) -> CallReport {
    CallReport(
      outcome: outcome,
      httpStatus: nil,
      duration: time.now - start,
      feedback: feedback
    )
  }
}

extension ListedPage {
  /// A page on which some items cannot be read.
  fileprivate init(_ items: [IssuedCode], _ spoiled: Set<CodeID>) {
    let unreadable = items.map(\.id).filter(spoiled.contains)
    let trailing = items.reversed().prefix { spoiled.contains($0.id) }.count
    self.init(
      codes: items.filter { !spoiled.contains($0.id) },
      nulls: unreadable.count,
      trailingNulls: trailing,
      unreadable: unreadable,
      trailingUnreadable: trailing
    )
  }
}

extension IssuedCode {
  /// The same code, made at this moment of the API's clock, which is everybody's here.
  fileprivate func made(at instant: Instant) -> IssuedCode {
    with(id: id, createdAt: instant)
  }

  /// The same with an id that no other code has.
  fileprivate func foreign(madeAt instant: Instant) -> IssuedCode {
    with(id: CodeID(UniqueID(bits: id.id.bits | 1 << 100)), createdAt: instant)
  }

  private func with(id: CodeID, createdAt instant: Instant) -> IssuedCode {
    IssuedCode(
      id: id,
      reward: reward,
      code: code,
      status: status,
      createdAt: Timestamp(microseconds: instant.nanoseconds / 1000),
      expiresAt: expiresAt,
      updatedAt: updatedAt,
      externalIDs: externalIDs,
      syncStatus: syncStatus
    )
  }
}
