import Ledger
import OneOfNone
import Postgres
import Provisioning

/// Lists a reward to its end and compares what is there with the ledger.
struct Audit {
  let reward: RewardID
  let client: APIClient
  let pool: Pool

  func run() async throws -> AuditReport {
    let desk = AuditDesk(pool: pool)
    let upstream = try await list()
    let ledger = try await desk.codes(of: reward)
    return AuditReport(
      reward: reward,
      upstream: upstream.codes,
      nulls: upstream.nulls,
      ledger: ledger,
      openCalls: try await desk.openCalls(of: reward)
    )
  }

  private func list() async throws -> (codes: [CodeID], nulls: Int) {
    let store = PostgresStore(pool: pool)
    var reader = ListingReader(mustShow: [], since: nil)
    var codes: [CodeID] = []
    var restarts = 0
    var step = reader.first
    while true {
      switch step {
      case .finished:
        return (codes, reader.nulls)
      case .failed(let failure):
        throw Self.failed(failure)
      case .fetch(let offset, let limit):
        // Without a daemon there are no limits in force, and nobody to be in the way of.
        if let delay = try await store.reserveSlot() { try await Task.sleep(for: delay) }
        let page = try await client.list(reward, offset: offset, limit: limit)
          .mapError(Self.failed).get()
        step = reader.received(page)
        if reader.restarts != restarts {
          restarts = reader.restarts
          codes = []
        }
        codes += reader.gathered.map(\.id)
      }
    }
  }

  private static func failed(_ failure: ListingFailure) -> CommandError {
    switch failure {
    case .refused(let code, let message):
      CommandError(.unavailable, "the API does not list this reward: \(code): \(message)")
    case .failed(let cause), .notAsked(let cause):
      CommandError(.temporaryFailure, "the listing failed: \(cause)")
    case .stale:
      CommandError(.temporaryFailure, "a cache answered for the API; try again later")
    case .unstable:
      CommandError(
        .temporaryFailure,
        "the pages of the listing did not fit together; try again when it is quiet"
      )
    case .endless:
      CommandError(.unavailable, "the listing has \(failure.message)")
    }
  }
}
