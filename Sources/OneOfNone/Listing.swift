internal import NIOHTTP1
public import Provisioning
internal import Synchronization

extension APIClient {
  /// See `CodeIssuer.list`.
  ///
  /// The API's documentation does not say which values `order_by` takes. If the API refuses ours, no
  /// order is requested again. Readers of the pages check the order themselves.
  public func list(
    _ reward: RewardID,
    offset: Int,
    limit: Int
  ) async -> Paced<Result<ListedPage, ListingFailure>> {
    let asksForOrder = !refusesOrder.load(ordering: .relaxed)
    let askedAt = ContinuousClock.now
    let ending = await page(
      of: reward,
      offset: offset,
      limit: limit,
      orderBy: asksForOrder ? "createdAt" : nil
    )
    if asksForOrder, ending.refusesQuery { refusesOrder.store(true, ordering: .relaxed) }
    return Paced(
      page(in: ending, after: ContinuousClock.now - askedAt),
      feedback: ending.feedback
    )
  }

  /// See `SyncingIssuer.listChanges`.
  ///
  /// If the API refuses to order by change, codes are listed in the order of creation from then on.
  public func listChanges(
    _ reward: RewardID,
    offset: Int,
    limit: Int
  ) async -> Paced<Result<ListedPage, ListingFailure>> {
    guard !refusesOrderOfChanges.load(ordering: .relaxed) else {
      return await list(reward, offset: offset, limit: limit)
    }
    let askedAt = ContinuousClock.now
    let ending = await page(of: reward, offset: offset, limit: limit, orderBy: "updatedAt")
    if ending.refusesQuery { refusesOrderOfChanges.store(true, ordering: .relaxed) }
    return Paced(
      page(in: ending, after: ContinuousClock.now - askedAt),
      feedback: ending.feedback
    )
  }

  /// See `SyncingIssuer.resync`. Sends `POST /v1/rewards/{id}/sync?system=`, which concerns the whole
  /// reward and makes no codes. A request that failed may have taken effect all the same.
  public func resync(_ reward: RewardID, system: SyncSystem) async -> Paced<ResyncAnswer> {
    let target = "/v1/rewards/\(reward)/sync?system=\(system.rawValue)"
    let ending = await ending(of: request(.POST, target), .sync)
    return Paced(resyncAnswer(in: ending), feedback: ending.feedback)
  }

  /// Requests one page with `GET /v1/rewards/{id}/codes`, newest first if there is an order.
  ///
  /// There is deliberately no filter by status: a customer may claim a code the moment that it exists,
  /// and the code would then be missing.
  private func page(
    of reward: RewardID,
    offset: Int,
    limit: Int,
    orderBy: String?
  ) async -> Ending {
    precondition((1...1000).contains(limit), "a page has 1 to 1000 items")
    precondition(offset >= 0, "no page begins before the first item")
    var target = "/v1/rewards/\(reward)/codes?limit=\(limit)&offset=\(offset)"
    if let orderBy { target += "&order=desc&order_by=\(orderBy)" }
    return await ending(of: request(.GET, target), .list)
  }

  /// What an ending shows that came so long after the request was made.
  private func page(in ending: Ending, after elapsed: Duration)
    -> Result<ListedPage, ListingFailure>
  {
    guard case .reply(let reply) = ending else { return .failure(.failed(ending.description)) }
    guard reply.status == 200 else { return .failure(failure(in: reply, ending.feedback)) }
    do {
      let list = try AnswerDecoder.decodePage(reply.body)
      return .success(
        ListedPage(
          codes: list.codes,
          nulls: list.nulls,
          trailingNulls: list.trailingNulls,
          unreadable: list.unreadable,
          trailingUnreadable: list.trailingUnreadable,
          isStale: reply.isOlder(than: elapsed),
          date: reply.date
        )
      )
    } catch {
      return .failure(.failed(reply.complaint(error, texts)))
    }
  }

  private func failure(in reply: Reply, _ feedback: PaceFeedback?) -> ListingFailure {
    let said = ErrorBody(status: reply.status, body: reply.body, texts: texts)
    switch reply.status {
    case 401:
      return .keyRefused(code: said.code, message: said.message)
    case 403, 404, 410:
      return .refused(code: said.code, message: said.message, isMissing: reply.status == 404)
    default:
      return .failed(said.sentence, retryAfter: feedback?.pause)
    }
  }

  private func resyncAnswer(in ending: Ending) -> ResyncAnswer {
    guard case .reply(let reply) = ending else { return .failed(ending.description) }
    if (200..<300).contains(reply.status) { return .accepted }
    let said = ErrorBody(status: reply.status, body: reply.body, texts: texts)
    return .failed("\(said.code): \(said.message)")
  }
}

extension Ending {
  /// Whether the API refused the request for what it says, not for the key, the reward or the pace.
  fileprivate var refusesQuery: Bool {
    guard case .reply(let reply) = self else { return false }
    return (300..<500).contains(reply.status)
      && ![401, 403, 404, 408, 410, 429].contains(reply.status)
  }
}

extension Reply {
  /// The API's clock when it answered, if the answer tells.
  var date: Timestamp? {
    headers["date"].lazy.compactMap { HTTPDate.read($0, near: receivedAt) }.first
  }

  /// Whether a cache says that it has had the answer for longer than this (`Age`, RFC 9111, section
  /// 5.1), or says something that cannot be read. A cache that asked the API for this very answer says 0,
  /// or at most how long that took.
  fileprivate func isOlder(than length: Duration) -> Bool {
    headers["age"].contains { value in Pause.seconds(value[...]).map { $0 > length } ?? true }
  }
}
