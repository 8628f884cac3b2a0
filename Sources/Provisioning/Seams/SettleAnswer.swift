/// What became of a settlement and of the claim that travelled with it.
public struct SettleAnswer: Sendable {
  /// What was recorded.
  public let settled: Result<SettleReceipt, StoreError>
  /// What was claimed; nil if nothing was asked for.
  public let claim: Result<Claim, StoreError>?

  /// An answer with these parts.
  public init(settled: Result<SettleReceipt, StoreError>, claim: Result<Claim, StoreError>?) {
    self.settled = settled
    self.claim = claim
  }
}

/// What a settlement changed.
public struct SettleReceipt: Hashable, Sendable {
  /// Codes that were new and went to the job.
  public let issued: Int
  /// Codes that were new and for which the job had no room.
  public let surplus: Int
  /// The call's state now; nil if the ledger no longer knows the job.
  public let call: CallState?
  /// The job's state before; nil if the ledger no longer knows it.
  public let jobBefore: JobState?
  /// The job's state now; nil if the ledger no longer knows it.
  public let job: JobState?

  /// A receipt with these parts.
  public init(issued: Int, surplus: Int, call: CallState?, jobBefore: JobState?, job: JobState?) {
    self.issued = issued
    self.surplus = surplus
    self.call = call
    self.jobBefore = jobBefore
    self.job = job
  }
}
