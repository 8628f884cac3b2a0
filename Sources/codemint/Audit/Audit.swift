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
        try await waitForSlot(store)
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

  /// Waits until the account may send another request, a minute at most. A key that the API refuses
  /// is not waited for: a person has to put another one in its place.
  private func waitForSlot(_ store: PostgresStore) async throws {
    let patience = ContinuousClock.now + .seconds(60)
    var isTold = false
    while true {
      if let delay = try await store.reserveSlot() { return try await Task.sleep(for: delay) }
      let account = try await JobDesk(pool: pool).account()
      // No daemon has ever brought limits, so there is nobody to be in the way of.
      guard account.requestsPerSecond != nil else { return }
      let why = ["the account is \(account.state)", account.reason, account.message]
        .compactMap(\.self).joined(separator: ": ")
      guard account.state != "blocked", ContinuousClock.now < patience else {
        throw CommandError(.temporaryFailure, "nothing may be sent now: \(why)")
      }
      if !isTold { FileDescriptor.standardError.line("codemint: waiting for a slot: \(why)") }
      isTold = true
      try await Task.sleep(for: .seconds(1))
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
