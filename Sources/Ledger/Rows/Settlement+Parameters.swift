package import Postgres
package import Provisioning

extension Settlement {
  /// The parameters of `StoreStatements.settle`, in its order. Codes travel as one array a column,
  /// unless they have been copied into their table before (`copy`). If it does not wait for the disk,
  /// `StoreStatements.makeSure` has to follow.
  package func parameters(isCopied: Bool, waits: Bool) -> [Parameter] {
    [
      .uuid(call.id.id.bits), .int8(call.job.number), .uuid(call.reward.id.bits),
      .text(call.prefix), .int4(Int32(call.size)), .uuid(worker.id.bits),
      .text(result.rawValue), .int4(httpStatus.map(Int32.init)), .text(errorCode),
      .text(errorMessage), .int4(received.map(Int32.init)),
      .int4(Int32(clamping: duration.milliseconds)), .bytea(rawAnswer),
      .uuids(strays.map(\.reward.id.bits)),
    ] + Parameter.columns(of: isCopied ? [] : codes + strays)
      + [.int4(isCopied ? Int32(codes.count) : nil)] + lessons + job.parameters + reward.parameters
      + account.parameters
      + [.int4(Int32(Bounds.breakerFailures)), .bool(waits)]
  }

  /// Whether some codes are to be followed, when the oldest and the newest were made, two that every
  /// fresh listing shows, and whether all begin with the prefix.
  private var lessons: [Parameter] {
    var times: (first: Timestamp, last: Timestamp)?
    let created = codes.compactMap(\.createdAt)
    if created.count == codes.count, let first = created.min(), let last = created.max() {
      times = (first, last)
    }
    return [
      .bool(codes.contains { $0.syncStatus == .pending || $0.syncStatus == .error }),
      .timestamptz(microsecondsSinceUnixEpoch: times?.first.microseconds),
      .timestamptz(microsecondsSinceUnixEpoch: times?.last.microseconds),
      .uuids([codes.first, codes.last].compactMap { $0?.id.id.bits }),
      .bool(call.prefix.map { prefix in codes.allSatisfy { $0.hasPrefix(prefix) } }),
    ]
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
  /// Name, pause, number of refusals, and number of failures that are a reward's own.
  fileprivate var parameters: [Parameter] {
    let (name, pause): (String, Duration?) =
      switch self {
      case .none: ("none", nil)
      case .proven: ("proven", nil)
      case .watched: ("watched", nil)
      case .closed: ("closed", nil)
      case .failed(let pause): ("failed", pause)
      case .refused(let pause, _, _): ("refused", pause)
      }
    return [
      .text(name), .interval(pause), .int4(Int32(Bounds.rewardRefusals)),
      .int4(Int32(Bounds.ownFailures)),
    ]
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
