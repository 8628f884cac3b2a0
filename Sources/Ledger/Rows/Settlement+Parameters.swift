package import Postgres
package import Provisioning

extension Settlement {
  /// The parameters of `StoreStatements.settle`, in its order. Codes travel as one array a column.
  package var parameters: [Parameter] {
    [
      .uuid(call.id.id.bits), .int8(call.job.number), .uuid(call.reward.id.bits),
      .text(call.prefix), .int4(Int32(call.size)), .uuid(worker.id.bits),
      .text(result.rawValue), .int4(httpStatus.map(Int32.init)), .text(errorCode),
      .text(errorMessage), .int4(received.map(Int32.init)),
      .int4(Int32(clamping: duration.milliseconds)), .bytea(rawAnswer),
      .uuids(strays.map(\.reward.id.bits)),
    ] + Parameter.columns(of: codes + strays)
      + job.parameters + reward.parameters + account.parameters
      + [.int4(Int32(Bounds.breakerFailures))]
  }
}

extension JobEffect {
  /// Code and message of a failure, pause and number of stalled answers.
  fileprivate var parameters: [Parameter] {
    switch self {
    case .goesOn:
      [.text(nil), .text(nil), .interval(.zero), .int4(Int32.max)]
    case .goesOnIfNew(let pause):
      [.text(nil), .text(nil), .interval(pause), .int4(Int32(Bounds.answersWithoutProgress))]
    case .fails(let code, let message):
      [.text(code), .text(message), .interval(.zero), .int4(Int32.max)]
    }
  }
}

extension RewardEffect {
  /// Name, pause and number of refusals.
  fileprivate var parameters: [Parameter] {
    let limit = Parameter.int4(Int32(Bounds.rewardRefusals))
    return switch self {
    case .none: [.text("none"), .interval(nil), limit]
    case .proven: [.text("proven"), .interval(nil), limit]
    case .watched: [.text("watched"), .interval(nil), limit]
    case .closed: [.text("closed"), .interval(nil), limit]
    case .failed(let pause): [.text("failed"), .interval(pause), limit]
    case .refused(let pause, _, _): [.text("refused"), .interval(pause), limit]
    }
  }
}

extension AccountEffect {
  /// Name, pause, reason or code, and message.
  fileprivate var parameters: [Parameter] {
    switch self {
    case .none: [.text("none"), .interval(nil), .text(nil), .text(nil)]
    case .proven: [.text("proven"), .interval(nil), .text(nil), .text(nil)]
    case .paused(let pause, let reason):
      [.text("paused"), .interval(pause), .text(reason.rawValue), .text(nil)]
    case .blocked(let code, let message):
      [.text("blocked"), .interval(nil), .text(code), .text(message)]
    }
  }
}
