import MemoryStore
import Provisioning
import Synchronization

/// The ledger in memory, over a connection that loses questions and answers on order.
final class ShakyStore: RemoteStore, @unchecked Sendable {
  /// What goes wrong with one request.
  enum Fault: Sendable {
    /// The question does not arrive.
    case questionLost
    /// It is done, and the answer does not arrive.
    case answerLost
    /// Of a settlement with a claim, both are done, and only the claim's answer does not arrive.
    case claimLost
    /// The database does not do it, and says why.
    case refused(StoreError)
  }

  /// One request, as it was asked.
  struct Entry: Sendable {
    let question: Question
    let at: Instant
    /// The call to claim or to settle.
    let call: CallID?
    /// The call to claim after the settlement.
    let next: CallID?
  }

  private struct State {
    var isAway = false
    var refusals: [RewardID: StoreError] = [:]
    var entries: [Entry] = []
    var sights: [ListingSight] = []
  }

  private let time: VirtualTime
  private let script: @Sendable (Question, Int) -> Fault?
  private let committing: @Sendable () -> Duration
  private let state = Mutex(State())

  /// - Parameters:
  ///   - committing: How long the disk takes with what was done, before its answer leaves.
  ///   - script: What goes wrong with the n-th such question, counted from 1.
  init(
    _ memory: MemoryStore,
    time: VirtualTime,
    committing: @escaping @Sendable () -> Duration = { .zero },
    script: @escaping @Sendable (Question, Int) -> Fault?
  ) {
    self.time = time
    self.committing = committing
    self.script = script
    super.init(memory)
  }

  /// Everything that was asked.
  var entries: [Entry] { state.withLock { $0.entries } }

  /// What readings of lists showed of the API.
  var sights: [ListingSight] { state.withLock { $0.sights } }

  /// The requests of one kind.
  func entries(_ question: Question) -> [Entry] { entries.filter { $0.question == question } }

  /// Whether the database answers nobody.
  func setAway(_ isAway: Bool) {
    state.withLock { $0.isAway = isAway }
  }

  /// Lets the database refuse to settle the calls of a reward; nil ends that.
  func refuse(_ reward: RewardID, _ error: StoreError?) {
    state.withLock { $0.refusals[reward] = error }
  }

  override func note(_ sight: ListingSight) async throws(StoreError) {
    state.withLock { $0.sights.append(sight) }
  }

  override func settle(_ settlement: Settlement, thenClaim next: ClaimRequest?) async
    -> SettleAnswer
  {
    let refusal = state.withLock { $0.refusals[settlement.call.reward] }
    let fault =
      await arrive(.settle, call: settlement.call.id, next: next?.call)
      ?? refusal.map { .refused($0) }
    let lost = StoreError(.unavailable, "away")
    let none = SettleAnswer(settled: .failure(lost), claim: next == nil ? nil : .failure(lost))
    switch fault {
    case .questionLost: return none
    case .refused(let error):
      return SettleAnswer(settled: .failure(error), claim: next == nil ? nil : .failure(error))
    case nil, .answerLost, .claimLost: break
    }
    let answer = await memory.settle(settlement, thenClaim: next)
    await time.pass(committing())
    switch fault {
    case nil, .questionLost, .refused: return answer
    case .answerLost: return none
    case .claimLost:
      return SettleAnswer(settled: answer.settled, claim: next == nil ? nil : .failure(lost))
    }
  }

  override func request<Value: Sendable>(
    _ question: Question,
    call: CallID?,
    _ body: () async throws(StoreError) -> Value
  ) async throws(StoreError) -> Value {
    let lost = StoreError(.unavailable, "away")
    let fault = await arrive(question, call: call, next: nil)
    if case .refused(let error) = fault { throw error }
    if case .questionLost = fault { throw lost }
    let value = try await body()
    await time.pass(committing())
    if fault != nil { throw lost }
    return value
  }

  /// Notes a question and lets it travel.
  /// - Returns: What goes wrong with it.
  private func arrive(_ question: Question, call: CallID?, next: CallID?) async -> Fault? {
    let now = time.now
    let number = state.withLock { state in
      state.entries.append(Entry(question: question, at: now, call: call, next: next))
      return state.entries.count { $0.question == question }
    }
    await time.pass(.milliseconds(1))
    if state.withLock({ $0.isAway }) { return .questionLost }
    return script(question, number)
  }
}
