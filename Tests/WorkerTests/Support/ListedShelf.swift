import Provisioning
import Synchronization

/// What the API lists of its rewards, as a test wants it.
final class ListedShelf: Sendable {
  /// In which order codes are listed.
  enum Order: Sendable {
    /// Newest change first.
    case changes
    /// Newest first, whatever is asked for.
    case making
    /// In no order at all.
    case none
  }

  private struct State {
    var codes: [RewardID: [IssuedCode]] = [:]
    var order = Order.changes
    var failures: [ListingFailure] = []
    var offsets: [Int] = []
    var resyncs: [SyncSystem] = []
    var resyncAnswers: [ResyncAnswer] = []
  }

  private let state = Mutex(State())

  /// The first items of the pages that were asked for.
  var offsets: [Int] { state.withLock { $0.offsets } }
  /// What was asked to be copied once more.
  var resyncs: [SyncSystem] { state.withLock { $0.resyncs } }

  /// What exists of a reward, in the order of making.
  func codes(of reward: RewardID) -> [IssuedCode] {
    state.withLock { $0.codes[reward] ?? [] }
  }

  func put(_ codes: [IssuedCode], of reward: RewardID) {
    state.withLock { $0.codes[reward] = codes }
  }

  func list(in order: Order) {
    state.withLock { $0.order = order }
  }

  /// The next listings fail so.
  func fail(_ failures: [ListingFailure]) {
    state.withLock { $0.failures = failures }
  }

  /// The next requests to copy once more are answered so, later ones accepted.
  func answerResyncs(_ answers: [ResyncAnswer]) {
    state.withLock { $0.resyncAnswers = answers }
  }

  func page(of reward: RewardID, offset: Int, limit: Int) -> Result<ListedPage, ListingFailure> {
    state.withLock { state in
      state.offsets.append(offset)
      if !state.failures.isEmpty { return .failure(state.failures.removeFirst()) }
      let made = Array((state.codes[reward] ?? []).reversed())
      let listed =
        switch state.order {
        case .making: made
        case .none: made.sorted { $0.id.id.bits % 97 < $1.id.id.bits % 97 }
        case .changes:
          made.sorted { ($0.updatedAt ?? .distantPast) > ($1.updatedAt ?? .distantPast) }
        }
      let shown = Array(listed.dropFirst(offset).prefix(limit))
      return .success(ListedPage(codes: shown))
    }
  }

  func resync(_ system: SyncSystem) -> ResyncAnswer {
    state.withLock { state in
      state.resyncs.append(system)
      return state.resyncAnswers.isEmpty ? .accepted : state.resyncAnswers.removeFirst()
    }
  }
}

extension Timestamp {
  fileprivate static let distantPast = Timestamp(microseconds: .min)
}

extension ScriptedIssuer {
  func listChanges(_ reward: RewardID, offset: Int, limit: Int) async
    -> Paced<Result<ListedPage, ListingFailure>>
  {
    await time.pass(.milliseconds(20))
    return Paced(shelf.page(of: reward, offset: offset, limit: limit))
  }

  func resync(_ reward: RewardID, system: SyncSystem) async -> Paced<ResyncAnswer> {
    await time.pass(.milliseconds(20))
    return Paced(shelf.resync(system))
  }
}
