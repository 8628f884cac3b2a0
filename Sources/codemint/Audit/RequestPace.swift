import Ledger
import Postgres
import Provisioning

/// Says when a command that is no daemon may send its next request. It takes slots of the fleet's rate limit
/// from the ledger. Without a ledger it keeps to the rate of the settings.
actor RequestPace {
  private let pool: Pool?
  private let limits: Limits
  private let mayLeaveLedger: Bool
  private var hasLeftLedger = false
  private var next = ContinuousClock.now
  private var isTold = false

  /// The longest time that a command waits.
  private static let patience: Duration = .seconds(60)

  /// - Parameters:
  ///   - pool: The ledger; nil if there is none.
  ///   - limits: Those of the settings.
  ///   - mayLeaveLedger: Whether the rate of the settings will do if the ledger does not answer.
  init(pool: Pool?, limits: Limits, mayLeaveLedger: Bool = false) {
    self.pool = pool
    self.limits = limits
    self.mayLeaveLedger = mayLeaveLedger
  }

  /// Waits at most one minute until the account may send another request. It does not wait if the API
  /// refuses the key, because a person has to replace the key.
  func wait() async throws {
    guard next < ContinuousClock.now + Self.patience else {
      throw CommandError(.temporaryFailure, "the API asks for a pause of more than a minute")
    }
    try await Task.sleep(until: next)
    let hasSlot = try await withLedger { pool in
      try await waitForSlot(PostgresStore(pool: pool), pool)
    }
    if hasSlot != true { next = ContinuousClock.now + .seconds(1 / limits.requestsPerSecond) }
  }

  /// Takes to heart what an answer says of the pace, and tells the fleet.
  func apply(_ feedback: PaceFeedback?) async throws {
    guard let feedback else { return }
    let pause = feedback.pause ?? (feedback.isRefusal ? .seconds(1) : .zero)
    next = max(next, ContinuousClock.now + pause)
    try await withLedger { pool in
      try await PostgresStore(pool: pool).applyFeedback(feedback, age: .zero)
    }
  }

  /// Calls `body` if there is a ledger. The first failure of the ledger is said, and then it is left alone.
  @discardableResult
  private func withLedger<Value>(_ body: (Pool) async throws -> Value) async throws -> Value? {
    guard let pool, !hasLeftLedger else { return nil }
    do {
      return try await body(pool)
    } catch  where mayLeaveLedger && (error is StoreError || error is PostgresError) {
      hasLeftLedger = true
      let reason = "\(error)".onOneLine
      Complaint.say(
        "codemint: the ledger's rate limit cannot be used (\(reason)); the rate of the settings is kept"
      )
      return nil
    }
  }

  /// Waits for a slot of the ledger. False if no daemon has ever run, so that there are no limits and no
  /// other requests.
  private func waitForSlot(_ store: PostgresStore, _ pool: Pool) async throws -> Bool {
    let patience = ContinuousClock.now + Self.patience
    while true {
      if let delay = try await store.reserveSlot() {
        try await Task.sleep(for: delay)
        return true
      }
      let account = try await JobQueries(pool: pool).account()
      guard account.requestsPerSecond != nil else { return false }
      let why = ["the account is \(account.state)", account.reason, account.message]
        .compactMap(\.self).joined(separator: ": ")
      guard account.state != "blocked", ContinuousClock.now < patience else {
        throw CommandError(.temporaryFailure, "no request may be sent at the moment: \(why)")
      }
      if !isTold { Complaint.say("codemint: waiting for a slot: \(why)") }
      isTold = true
      try await Task.sleep(for: .seconds(1))
    }
  }
}
