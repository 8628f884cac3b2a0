/// From what a request's ending proves to what has to be recorded.
///
///     outcome              call       job           reward    account
///     unsent, no connection unsent    goes on       -         pauses, backoff
///     unsent, otherwise    unsent     goes on       -         -
///     issued, exact        issued     goes on       proven    proven
///     issued, not exact    issued     if new        watched   proven
///     rejected: request    rejected   fails         -         proven
///     rejected: key        rejected   goes on       -         blocked
///     rejected: reward     rejected   goes on       refused   proven
///     rejected: pace       rejected   goes on       -         pauses as asked
///     unknown              in doubt   goes on       closed    pauses, backoff
///     unknown, 5xx         in doubt   goes on       failed    pauses, if it is not the reward's
public enum SettlementRule {
  /// The settlement of one call.
  ///
  /// - Parameters:
  ///   - report: How the request ended.
  ///   - team: What `GET /v1/team` said, if it was asked because of a 403.
  ///   - failures: Failures in a row before this call.
  public static func settle(
    _ call: Call,
    by worker: WorkerID,
    report: CallReport,
    team: TeamAnswer?,
    failures: FailureCounts,
    random: inout some RandomNumberGenerator
  ) -> Settlement {
    let blank = Draft(call: call, worker: worker, report: report)
    switch report.outcome {
    case .unsent(let reason):
      return blank.unsent(reason, pause: apiPause(failures, &random))
    case .issued(let answer):
      let pause = Backoff.job.wait(failures: failures.job + 1, random: &random)
      return blank.issued(answer, pauseIfStalled: pause)
    case .rejected(let rejection):
      let effects = effects(of: rejection, team: team, failures: failures, random: &random)
      return blank.rejected(rejection, effects)
    case .unknown(let reason):
      let pause = apiPause(failures, &random)
      let isFailure = report.httpStatus.map { $0 >= 500 } ?? false
      let wait =
        isFailure
        ? Backoff.reward.wait(failures: failures.reward + 1, random: &random) : nil
      return blank.doubted(
        reason,
        reward: wait.map { .failed(pause: $0) } ?? .closed,
        pause: pause,
        rawAnswer: report.rawAnswer
      )
    }
  }

  /// The settlement of a call whose answer the database refused for its content: the call is in
  /// doubt and the answer is kept as bytes (protocol, rule 8).
  public static func unstorable(_ settlement: Settlement, answer: Answer, cause: String)
    -> Settlement
  {
    let report = CallReport(
      outcome: .unknown(.unstorable(cause)),
      httpStatus: settlement.httpStatus,
      duration: settlement.duration
    )
    return Draft(call: settlement.call, worker: settlement.worker, report: report)
      .doubted(.unstorable(cause), reward: .closed, pause: nil, rawAnswer: answer.body)
  }

  /// The same settlement with nothing but printable ASCII in its texts, for a database that refused
  /// them.
  public static func plain(_ settlement: Settlement) -> Settlement {
    let job: JobEffect =
      switch settlement.job {
      case .goesOn, .goesOnIfNew: settlement.job
      case .fails(let code, let message): .fails(code: plain(code), message: plain(message))
      }
    return Settlement(
      call: settlement.call,
      worker: settlement.worker,
      result: settlement.result,
      httpStatus: settlement.httpStatus,
      errorCode: settlement.errorCode.map(plain),
      errorMessage: settlement.errorMessage.map(plain),
      received: settlement.received,
      duration: settlement.duration,
      codes: settlement.codes,
      strays: settlement.strays,
      rawAnswer: settlement.rawAnswer,
      job: job,
      reward: settlement.reward,
      account: settlement.account
    )
  }

  private static func plain(_ text: String) -> String {
    String(text.unicodeScalars.map { (" "..."~").contains($0) ? Character($0) : "?" })
  }

  struct Effects {
    var job: JobEffect = .goesOn
    var reward: RewardEffect = .none
    var account: AccountEffect = .none
  }

  private static func apiPause(
    _ failures: FailureCounts,
    _ random: inout some RandomNumberGenerator
  ) -> Duration {
    let count = failures.account + 1
    // The breaker opens with this failure, or is open: the pause is the time until the probe.
    let beyond = count - Bounds.breakerFailures
    return beyond < 0
      ? Backoff.api.wait(failures: count, random: &random)
      : Backoff.breaker.steadyWait(failures: beyond + 1, random: &random)
  }

  private static func effects(
    of rejection: Rejection,
    team: TeamAnswer?,
    failures: FailureCounts,
    random: inout some RandomNumberGenerator
  ) -> Effects {
    switch rejection.scope {
    case .request:
      return Effects(
        job: .fails(code: rejection.code, message: rejection.message),
        account: .proven
      )
    case .credentials:
      return Effects(account: .blocked(code: rejection.code, message: rejection.message))
    case .forbidden:
      if case .refused(let code, let message) = team {
        return Effects(account: .blocked(code: code, message: message))
      }
      let pause = Backoff.reward.wait(failures: failures.reward + 1, random: &random)
      return Effects(
        reward: .refused(pause: pause, code: rejection.code, message: rejection.message),
        account: .proven
      )
    case .pace(let asked):
      let count = failures.account + 1
      let pause = asked ?? Backoff.api.wait(failures: count, random: &random)
      return Effects(account: .paused(min(pause, Bounds.longestPause), reason: .throttled))
    }
  }
}
