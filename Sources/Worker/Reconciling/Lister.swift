import Provisioning

/// Lists a reward's codes upstream, page by page, each page in a slot of the shared limiter.
struct Lister: Sendable {
  private let context: WorkerContext

  init(_ context: WorkerContext) {
    self.context = context
  }

  /// Reads one complete listing.
  ///
  /// The hold on the reward is kept with every page.
  ///
  /// - Parameters:
  ///   - mustShow: Codes that a fresh listing shows.
  ///   - since: When the first of the codes that matter was created, by the API's clock; nil to
  ///     take all.
  /// - Returns: What of it the ledger does not know, or why nothing can be concluded.
  func list(
    _ reward: RewardID,
    mustShow: [CodeID],
    since: Timestamp?
  ) async -> Result<Listing, ListingFailure> {
    var reader = ListingReader(mustShow: mustShow, since: since)
    var unknown: [IssuedCode] = []
    var restarts = 0
    var step = reader.first
    while true {
      switch step {
      case .finished:
        return .success(Listing(codes: unknown, nulls: reader.nulls))
      case .failed(let failure):
        return .failure(failure)
      case .fetch(let offset, let limit):
        switch await page(reward, offset: offset, limit: limit) {
        case .failure(let failure):
          return .failure(failure)
        case .success(let page):
          step = reader.received(page)
          if reader.restarts != restarts {
            restarts = reader.restarts
            unknown = []
          }
          guard let fresh = await unknownOnes(of: reader.gathered) else {
            return .failure(.notAsked("the database does not answer"))
          }
          unknown += fresh
        }
      }
    }
  }

  private func page(_ reward: RewardID, offset: Int, limit: Int) async
    -> Result<ListedPage, ListingFailure>
  {
    do throws(StoreError) {
      let configuration = context.configuration
      let taken = ListingFailure.notAsked("another worker has taken the reward")
      guard
        try await context.store.keep(
          reward,
          worker: configuration.id,
          lease: configuration.reconcilerLease
        )
      else { return .failure(taken) }
      guard let delay = try await context.store.reserveSlot() else {
        return .failure(.notAsked("the account may not send now"))
      }
      // The hold is long enough for a request and five seconds before it.
      if delay > .seconds(5) {
        let lease = configuration.reconcilerLease + delay
        guard try await context.store.keep(reward, worker: configuration.id, lease: lease) else {
          return .failure(taken)
        }
      }
      context.outage.succeeded()
      await context.drain.wait(until: context.clock.now + delay, on: context.clock)
    } catch {
      _ = context.outage.failed(error)
      return .failure(.notAsked("the database does not answer"))
    }
    guard !context.isDraining else { return .failure(.notAsked("the worker is stopping")) }
    let askedAt = context.clock.now
    let page = await context.issuer.list(reward, offset: offset, limit: limit)
    await context.passOnFeedback(than: nil, age: context.clock.now - askedAt)
    return page
  }

  private func unknownOnes(of codes: [IssuedCode]) async -> [IssuedCode]? {
    guard !codes.isEmpty else { return [] }
    do throws(StoreError) {
      let known = try await context.store.known(codes.map(\.id))
      return codes.filter { !known.contains($0.id) }
    } catch {
      _ = context.outage.failed(error)
      return nil
    }
  }
}
