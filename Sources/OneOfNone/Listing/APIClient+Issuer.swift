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
    let query = ListQuery(
      limit: limit,
      offset: offset,
      order: asksForOrder ? .descending : nil,
      orderBy: asksForOrder ? "createdAt" : nil
    )
    do throws(APIError) {
      return .success(ListedPage(try await listCodes(reward: reward, query: query)))
    } catch {
      if asksForOrder, error.code == .rejected { refusesOrder.store(true, ordering: .relaxed) }
      return .failure(ListingFailure(error))
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
