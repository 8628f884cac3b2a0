internal import NIOHTTP1
public import Provisioning

extension APIClient {
  /// One page of a reward's codes, with `GET /v1/rewards/{id}/codes`. Changes nothing.
  ///
  /// - Throws: `APIError`; nothing may be concluded from a listing that failed.
  public func listCodes(
    reward: RewardID,
    query: ListQuery
  ) async throws(APIError) -> ListPage {
    let target = "/v1/rewards/\(reward)/codes" + query.text
    let reply = try await success(of: ending(of: request(.GET, target)))
    guard reply.status == 200 else { throw APIError.status(reply, texts: texts) }
    do {
      let page = try AnswerDecoder.decodePage(reply.body)
      return ListPage(
        codes: page.codes,
        nulls: page.nulls,
        trailingNulls: page.trailingNulls,
        total: page.total,
        isStored: reply.headers.contains(name: "age"),
        answeredAt: reply.headers["date"].lazy
          .compactMap { HTTPDate.read($0, near: reply.receivedAt) }.first
      )
    } catch {
      throw APIError(.unreadable, status: reply.status, message: texts.clean(error.description))
    }
  }

  /// Asks the API to copy a reward to a system once more, with
  /// `POST /v1/rewards/{id}/sync?system=`. It concerns the whole reward and makes no codes.
  ///
  /// - Throws: `APIError`; the request may have taken effect all the same.
  public func retrySync(reward: RewardID, system: SyncSystem) async throws(APIError) {
    let target = "/v1/rewards/\(reward)/sync?system=\(system.rawValue)"
    _ = try await success(of: ending(of: request(.POST, target)))
  }

  /// The answer, if it is one of success (2xx).
  private func success(of ending: Ending) throws(APIError) -> Reply {
    switch ending {
    case .reply(let reply) where (200..<300).contains(reply.status):
      return reply
    case .reply(let reply):
      throw APIError.status(reply, texts: texts)
    case .tooLarge(let status):
      throw APIError(.tooLarge, status: status, message: DoubtReason.tooLarge.message)
    case .timeout(let status):
      throw APIError(.timeout, status: status, message: "no complete answer of the API in time")
    case .cancelled:
      throw APIError(.cancelled, message: "the request was given up")
    case .broken(let status, let cause):
      throw APIError(.unreachable, status: status, message: cause)
    }
  }
}
