/// From what a request's ending proves to what has to be recorded.
///
///     outcome               call       job        reward    account
///     unsent, no connection unsent     proceeds   -         unreachable
///     unsent, otherwise     unsent     proceeds   -         -
///     issued, exact         issued     proceeds   proven    proven
///     issued, not exact     issued     proceeds   -         proven
///     rejected: request     rejected   fails      -         proven
///     rejected: key         rejected   proceeds   -         blocked
///     rejected: reward      rejected   proceeds   refused   proven
///     rejected: pace        rejected   proceeds   -         throttled
///     unknown               in doubt   proceeds   closed    failing
///     unknown, 5xx          in doubt   proceeds   failed    failing, unless only the reward fails
///
/// An answer proves only what it brought that is new. The ledger knows what is new, so it decides under
/// the call's lock whether the call is issued, or in doubt for what the answer lacks (protocol, rule 7).
public enum SettlementRule {
  /// The settlement of one call.
  ///
  /// - Parameters:
  ///   - lengths: The lengths that the worker works with.
  ///   - report: How the request ended.
  ///   - team: What `GET /v1/team` said, if it was asked because of a 403.
  ///   - jitter: A random number within 0 ..< 1, which travels with the settlement.
  public static func settle(
    _ call: Call,
    by worker: WorkerID,
    lengths: CallLengths,
    report: CallReport,
    team: TeamAnswer?,
    jitter: Double
  ) -> Settlement {
    let draft = Draft(
      call: call,
      worker: worker,
      lengths: lengths,
      httpStatus: report.httpStatus,
      duration: report.duration,
      feedback: report.feedback,
      jitter: jitter
    )
    switch report.outcome {
    case .unsent(let reason):
      return draft.unsent(reason)
    case .issued(let answer):
      return draft.issued(answer)
    case .rejected(let rejection):
      return draft.rejected(rejection, team: team)
    case .unknown(let reason):
      let isFailure = report.httpStatus.map { $0 >= 500 } ?? false
      return draft.doubted(
        reason,
        rawAnswer: report.rawAnswer,
        reward: isFailure ? .failed : .closed,
        account: .failing
      )
    }
  }

  /// The settlement of a call whose answer the database refused for its content: the call is in
  /// doubt and the answer is kept as bytes (protocol, rule 8).
  public static func unstorable(_ settlement: Settlement, answer: Answer, cause: String)
    -> Settlement
  {
    Draft(settlement).doubted(
      .unstorable(cause),
      rawAnswer: answer.body,
      reward: .closed,
      account: .none
    )
  }

  /// The same settlement with nothing but printable ASCII in its texts, for a database that refused
  /// them.
  public static func plain(_ settlement: Settlement) -> Settlement {
    Settlement(
      call: settlement.call,
      worker: settlement.worker,
      lengths: settlement.lengths,
      result: settlement.result,
      httpStatus: settlement.httpStatus,
      errorCode: settlement.errorCode.map(plain),
      errorMessage: settlement.errorMessage.map(plain),
      received: settlement.received,
      duration: settlement.duration,
      codes: settlement.codes,
      unattributed: settlement.unattributed,
      rawAnswer: settlement.rawAnswer,
      job: settlement.job,
      reward: settlement.reward,
      account: settlement.account,
      feedback: settlement.feedback,
      jitter: settlement.jitter
    )
  }

  private static func plain(_ text: String) -> String {
    String(text.unicodeScalars.map { (" "..."~").contains($0) ? Character($0) : "?" })
  }
}

/// What the settlements of every outcome have in common.
private struct Draft {
  let call: Call
  let worker: WorkerID
  let lengths: CallLengths
  let httpStatus: Int?
  let duration: Duration
  let feedback: PaceFeedback?
  let jitter: Double

  func unsent(_ reason: UnsentReason) -> Settlement {
    switch reason {
    case .noConnection(let cause):
      settlement(.unsent, error: ("unreachable", cause), account: .unreachable)
    case .leaseLost:
      settlement(.unsent, error: ("lease_lost", "the lease ran out before the request was sent"))
    case .slotMissed:
      settlement(
        .unsent,
        error: ("slot_missed", "its slot had passed, and no other slot was near")
      )
    case .draining:
      settlement(.unsent, error: ("draining", "the worker stopped before the request was sent"))
    }
  }

  func issued(_ answer: Answer) -> Settlement {
    let (own, foreign) = answer.sorted(for: call.reward)
    let isExact = answer.isExact(size: call.size, own: own)
    return settlement(
      .issued,
      received: answer.codes.count + answer.nulls,
      codes: own,
      unattributed: foreign,
      rawAnswer: answer.hasUnreadable
        ? Array(answer.body.prefix(Bounds.unreadableAnswerBytes)) : nil,
      reward: isExact ? .proven : .none,
      account: .proven
    )
  }

  func rejected(_ rejection: Rejection, team: TeamAnswer?) -> Settlement {
    let (code, message) = (rejection.code, rejection.message)
    let error = (code, message)
    switch rejection.scope {
    case .request:
      return settlement(
        .rejected,
        error: error,
        job: .fails,
        account: .proven
      )
    case .credentials:
      return settlement(
        .rejected,
        error: error,
        account: .blocked(code: code, message: message)
      )
    case .forbidden:
      if case .refused(let code, let message) = team {
        return settlement(
          .rejected,
          error: error,
          account: .blocked(code: code, message: message)
        )
      }
      return settlement(
        .rejected,
        error: error,
        reward: .refused,
        account: .proven
      )
    case .pace(let asked):
      return settlement(.rejected, error: error, account: .throttled(asked: asked))
    }
  }

  func doubted(
    _ reason: DoubtReason,
    rawAnswer: [UInt8]?,
    reward: RewardEffect,
    account: AccountEffect
  ) -> Settlement {
    settlement(
      .inDoubt,
      error: (reason.code, reason.message),
      rawAnswer: rawAnswer,
      reward: reward,
      account: account
    )
  }

  private func settlement(
    _ result: CallState,
    error: (code: String, message: String)? = nil,
    received: Int? = nil,
    codes: [IssuedCode] = [],
    unattributed: [IssuedCode] = [],
    rawAnswer: [UInt8]? = nil,
    job: JobEffect = .proceeds,
    reward: RewardEffect = .none,
    account: AccountEffect = .none
  ) -> Settlement {
    Settlement(
      call: call,
      worker: worker,
      lengths: lengths,
      result: result,
      httpStatus: httpStatus,
      errorCode: error?.code,
      errorMessage: error?.message,
      received: received,
      duration: duration,
      codes: codes,
      unattributed: unattributed,
      rawAnswer: rawAnswer,
      job: job,
      reward: reward,
      account: account,
      feedback: feedback,
      jitter: jitter
    )
  }
}

extension Draft {
  init(_ settlement: Settlement) {
    self.init(
      call: settlement.call,
      worker: settlement.worker,
      lengths: settlement.lengths,
      httpStatus: settlement.httpStatus,
      duration: settlement.duration,
      feedback: settlement.feedback,
      jitter: settlement.jitter
    )
  }
}
