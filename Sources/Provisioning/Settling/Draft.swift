/// The parts of a settlement that every outcome shares.
struct Draft {
  let call: Call
  let worker: WorkerID
  let report: CallReport

  func unsent(_ reason: UnsentReason, pause: Duration) -> Settlement {
    switch reason {
    case .noConnection(let cause):
      settlement(
        .unsent,
        error: ("unreachable", cause),
        account: .paused(pause, reason: .unreachable)
      )
    case .leaseLost:
      settlement(.unsent, error: ("lease_lost", "the lease ran out before the request was sent"))
    case .slotMissed:
      settlement(.unsent, error: ("slot_missed", "its slot had passed, and no other one was near"))
    case .draining:
      settlement(.unsent, error: ("draining", "the worker stopped before the request was sent"))
    }
  }

  func issued(_ answer: Answer, pauseIfStalled: Duration) -> Settlement {
    let (own, foreign) = answer.sorted(for: call.reward)
    let exact = answer.isExact(size: call.size, own: own)
    return settlement(
      .issued,
      received: answer.codes.count + answer.nulls,
      codes: own,
      strays: foreign,
      job: .goesOnIfNew(pause: pauseIfStalled),
      reward: exact ? .proven : .watched,
      account: .proven
    )
  }

  func rejected(_ rejection: Rejection, _ effects: SettlementRule.Effects) -> Settlement {
    settlement(
      .rejected,
      error: (rejection.code, rejection.message),
      job: effects.job,
      reward: effects.reward,
      account: effects.account
    )
  }

  func doubted(
    _ reason: DoubtReason,
    reward: RewardEffect,
    pause: Duration?,
    rawAnswer: [UInt8]? = nil
  ) -> Settlement {
    settlement(
      .inDoubt,
      error: (reason.code, reason.message),
      rawAnswer: rawAnswer,
      reward: reward,
      account: pause.map { .paused($0, reason: .failing) } ?? .none
    )
  }

  private func settlement(
    _ result: CallState,
    error: (code: String, message: String)? = nil,
    received: Int? = nil,
    codes: [IssuedCode] = [],
    strays: [IssuedCode] = [],
    rawAnswer: [UInt8]? = nil,
    job: JobEffect = .goesOn,
    reward: RewardEffect = .none,
    account: AccountEffect = .none
  ) -> Settlement {
    Settlement(
      call: call,
      worker: worker,
      result: result,
      httpStatus: report.httpStatus,
      errorCode: error?.code,
      errorMessage: error?.message,
      received: received,
      duration: report.duration,
      codes: codes,
      strays: strays,
      rawAnswer: rawAnswer,
      job: job,
      reward: reward,
      account: account
    )
  }
}
