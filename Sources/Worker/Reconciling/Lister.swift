import Provisioning

/// Lists a reward's codes upstream, page by page, each page in a slot of the shared limiter.
struct Lister: Sendable {
  private let context: WorkerContext

  init(_ context: WorkerContext) {
    self.context = context
  }

  /// Reads one complete listing. Every page extends the lease on the reward.
  ///
  /// - Parameters:
  ///   - mustShow: Codes that a fresh listing shows.
  ///   - since: When the first of the codes that matter was created, by the API's clock; nil to
  ///     take all.
  /// - Returns: What the list shows and the ledger does not know, or why nothing can be concluded.
  func list(
    _ reward: RewardID,
    mustShow: [CodeID],
    since: Timestamp?
  ) async -> Result<Listing, ListingFailure> {
    do throws(StoreError) {
      return try await ListingReader(mustShow: mustShow, since: since).read(
        page: { (offset, limit) async throws(StoreError) in
          try await page(reward, offset: offset, limit: limit)
        },
        keep: { (codes) async throws(StoreError) in try await unknown(codes) }
      )
      .map { Listing(codes: $0.kept, nulls: $0.nulls) }
    } catch {
      _ = context.outage.failed(error)
      return .failure(.notAsked("the database does not answer"))
    }
  }

  private func page(_ reward: RewardID, offset: Int, limit: Int) async throws(StoreError)
    -> Result<ListedPage, ListingFailure>
  {
    let isTaken = ListingFailure.notAsked("another worker has taken the reward")
    guard try await context.keep(reward) else { return .failure(isTaken) }
    guard let delay = try await context.store.reserveSlot() else {
      return .failure(.notAsked("the account may not send now"))
    }
    // The lease is long enough for a request and five seconds before it.
    if delay > .seconds(5), try await !context.keep(reward, waiting: delay) {
      return .failure(isTaken)
    }
    context.outage.succeeded()
    await context.pause(for: delay)
    guard !context.isDraining else { return .failure(.notAsked("the worker is stopping")) }
    return await context.ask {
      await context.issuer.list(reward, offset: offset, limit: limit)
    }
  }

  private func unknown(_ codes: [IssuedCode]) async throws(StoreError) -> [IssuedCode] {
    guard !codes.isEmpty else { return [] }
    let known = try await context.store.known(codes.map(\.id))
    return codes.filter { !known.contains($0.id) }
  }
}
