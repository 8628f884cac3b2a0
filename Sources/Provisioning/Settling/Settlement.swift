/// Everything that is recorded when a call ends, in one transaction keyed by the call.
///
/// It carries the whole call, so that a database that lost the claim in a failover can insert it
/// (protocol, rule 6). Applying it twice changes nothing.
public struct Settlement: Hashable, Sendable {
  /// The call.
  public let call: Call
  /// The worker that sent it.
  public let worker: WorkerID
  /// The lengths that this worker works with.
  public let lengths: CallLengths
  /// What its ending proves about it: issued, rejected, unsent or inDoubt.
  public let result: CallState
  /// The status of the answer, if its head arrived.
  public let httpStatus: Int?
  /// The API's error code, or codemint's own.
  public let errorCode: String?
  /// The API's error message, or codemint's own.
  public let errorMessage: String?
  /// How many items the answer listed, nulls and doubles included.
  public let received: Int?
  /// How long the request took.
  public let duration: Duration
  /// The codes of this reward, each once, in the order of the answer.
  public let codes: [IssuedCode]
  /// Codes of the answer that name another reward: kept, but never counted.
  public let unattributed: [IssuedCode]
  /// The body, where the answer is to be kept as bytes because it, or an item of it, cannot be read, or
  /// not be stored as rows.
  public let rawAnswer: [UInt8]?
  /// What follows for the job.
  public let job: JobEffect
  /// What follows for the reward.
  public let reward: RewardEffect
  /// What follows for everybody.
  public let account: AccountEffect
  /// What the answer's headers ask of everybody; applied after `account`.
  public let feedback: PaceFeedback?
  /// One random number, within 0 ..< 1, from which the ledger draws every pause that follows.
  public let jitter: Double

  /// A settlement; `jitter` must be within 0 ..< 1.
  public init(
    call: Call,
    worker: WorkerID,
    lengths: CallLengths,
    result: CallState,
    httpStatus: Int?,
    errorCode: String?,
    errorMessage: String?,
    received: Int?,
    duration: Duration,
    codes: [IssuedCode],
    unattributed: [IssuedCode],
    rawAnswer: [UInt8]?,
    job: JobEffect,
    reward: RewardEffect,
    account: AccountEffect,
    feedback: PaceFeedback?,
    jitter: Double
  ) {
    precondition((0..<1).contains(jitter), "a pause is drawn with a number from 0 to below 1")
    self.call = call
    self.worker = worker
    self.lengths = lengths
    self.result = result
    self.httpStatus = httpStatus
    self.errorCode = errorCode
    self.errorMessage = errorMessage
    self.received = received
    self.duration = duration
    self.codes = codes
    self.unattributed = unattributed
    self.rawAnswer = rawAnswer
    self.job = job
    self.reward = reward
    self.account = account
    self.feedback = feedback
    self.jitter = jitter
  }
}

extension Settlement: CustomReflectable {
  /// Every part, but only the length of `rawAnswer`: its bytes hold codes' values, and this is what
  /// `dump`, string interpolation and test failures show.
  public var customMirror: Mirror {
    Mirror(
      self,
      children: [
        "call": call, "worker": worker, "lengths": lengths, "result": result,
        "httpStatus": httpStatus as Any,
        "errorCode": errorCode as Any, "errorMessage": errorMessage as Any,
        "received": received as Any, "duration": duration, "codes": codes,
        "unattributed": unattributed,
        "rawAnswerBytes": rawAnswer?.count as Any, "job": job, "reward": reward,
        "account": account, "feedback": feedback as Any, "jitter": jitter,
      ],
      displayStyle: .struct
    )
  }
}

/// What a call's ending means for its job, beside the codes.
public enum JobEffect: Hashable, Sendable {
  /// It proceeds. An answer without a new code makes it pause, and after several in a row fail.
  case proceeds
  /// The API refused the request itself: asking again would get the same answer. The job's error is
  /// the call's.
  case fails
}

/// What a call's ending means for its reward. How long a pause is, and after how many failures the
/// reward's jobs are held, the ledger decides from its own counts.
public enum RewardEffect: String, Hashable, Sendable {
  /// Nothing.
  case none
  /// The answer has what was asked for. If the ledger finds that all of it is new, the answer is
  /// clean, and refusals in a row are forgotten.
  case proven
  /// Closed to new calls until its doubtful ones are decided (protocol, rule 9).
  case closed
  /// Closed as well, and the API answered with a failure (5xx). If the account's other calls are
  /// answered as they should be, only this reward waits, as with `refused`; else everybody does.
  case failed
  /// Only this reward waits; after several refusals in a row its jobs are held.
  /// The reward's error is the call's.
  case refused
}

/// What a call's ending means for everybody who uses the account. How long a pause is, the ledger
/// decides from its own count of failures.
public enum AccountEffect: Hashable, Sendable {
  /// Nothing.
  case none
  /// The API answered as it should: failures in a row are forgotten.
  case proven
  /// The API asked for less with a 429: nobody sends for as long as it asked, if it did.
  case throttled(asked: Duration?)
  /// No connection to the API can be had: nobody sends for a while.
  case unreachable
  /// The API answers with failures, or not at all: nobody sends for a while.
  case failing
  /// Nobody sends until `GET /v1/team` succeeds; `code` and `message` are the API's own.
  case blocked(code: String, message: String)
}

/// What became of a settlement and of the claim that travelled with it.
public struct SettleAnswer: Sendable {
  /// What was recorded.
  public let settled: Result<SettleReceipt, StoreError>
  /// What was claimed; nil if nothing was asked for.
  public let claim: Result<Claim, StoreError>?

  /// The answer to both.
  public init(settled: Result<SettleReceipt, StoreError>, claim: Result<Claim, StoreError>?) {
    self.settled = settled
    self.claim = claim
  }
}

/// What a settlement changed.
public struct SettleReceipt: Hashable, Sendable {
  /// Codes that were new and went to the job. If the call is in doubt after an answer, the answer did
  /// not prove all that was asked for.
  public let issued: Int
  /// Codes that were new and for which the job had no room.
  public let surplus: Int
  /// The call's state now; nil if the ledger no longer knows the job.
  public let call: CallState?
  /// The job's state before; nil if the ledger no longer knows it.
  public let jobBefore: JobState?
  /// The job's state now; nil if the ledger no longer knows it.
  public let job: JobState?

  /// A receipt with the counts of new codes and the states.
  public init(issued: Int, surplus: Int, call: CallState?, jobBefore: JobState?, job: JobState?) {
    self.issued = issued
    self.surplus = surplus
    self.call = call
    self.jobBefore = jobBefore
    self.job = job
  }
}
