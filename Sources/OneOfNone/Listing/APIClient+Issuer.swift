public import Provisioning
internal import Synchronization

extension APIClient {
  /// See `CodeIssuer.list`.
  ///
  /// The values that `order_by` takes are stated nowhere: an API that refuses ours is not asked for
  /// an order again. Whoever reads the pages checks the order that they came in.
  public func list(
    _ reward: RewardID,
    offset: Int,
    limit: Int
  ) async -> Result<ListedPage, ListingFailure> {
    let asksForOrder = !refusesOrder.load(ordering: .relaxed)
    let (answer, isRefused) = await page(
      of: reward,
      offset: offset,
      limit: limit,
      orderBy: asksForOrder ? "createdAt" : nil
    )
    if asksForOrder, isRefused { refusesOrder.store(true, ordering: .relaxed) }
    return answer
  }

  /// See `SyncingIssuer.listChanges`.
  ///
  /// An API that refuses this order is asked for the order of making from then on.
  public func listChanges(
    _ reward: RewardID,
    offset: Int,
    limit: Int
  ) async -> Result<ListedPage, ListingFailure> {
    guard !refusesOrderOfChanges.load(ordering: .relaxed) else {
      return await list(reward, offset: offset, limit: limit)
    }
    let (answer, isRefused) = await page(
      of: reward,
      offset: offset,
      limit: limit,
      orderBy: "updatedAt"
    )
    if isRefused { refusesOrderOfChanges.store(true, ordering: .relaxed) }
    return answer
  }

  /// See `SyncingIssuer.resync`.
  public func resync(_ reward: RewardID, system: SyncSystem) async -> ResyncAnswer {
    do throws(APIError) {
      try await retrySync(reward: reward, system: system)
      return .accepted
    } catch {
      return .failed(error.description)
    }
  }

  /// One page, and whether the API refused the question for what it asks.
  private func page(
    of reward: RewardID,
    offset: Int,
    limit: Int,
    orderBy: String?
  ) async -> (Result<ListedPage, ListingFailure>, isRefused: Bool) {
    let query = ListQuery(
      limit: limit,
      offset: offset,
      order: orderBy == nil ? nil : .descending,
      orderBy: orderBy
    )
    do throws(APIError) {
      return (.success(ListedPage(try await listCodes(reward: reward, query: query))), false)
    } catch {
      return (.failure(ListingFailure(error)), error.code == .rejected)
    }
  }
}

extension ListedPage {
  /// A page as the reconciler reads it.
  fileprivate init(_ page: ListPage) {
    self.init(
      codes: page.codes,
      nulls: page.nulls,
      trailingNulls: page.trailingNulls,
      isCached: page.isStored
    )
  }
}

extension ListingFailure {
  /// Whether the list is gone or forbidden, or may be had later.
  fileprivate init(_ error: APIError) {
    switch error.code {
    case .gone, .forbidden:
      self = .refused(code: error.apiCode ?? "refused", message: error.message)
    default:
      self = .failed(error.message)
    }
  }
}
