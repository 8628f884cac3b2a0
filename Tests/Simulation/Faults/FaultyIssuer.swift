import Provisioning

/// The API as one host reaches it.
struct FaultyIssuer: CodeIssuer {
  let api: SimulatedAPI
  let host: Host
  let timeout: Duration
  let settle: Duration

  private var stage: Stage { api.stage }
  private var world: World { api.stage.world }

  func generate(_ call: Call, mayStillSend: @escaping @Sendable () -> Bool) async -> CallReport {
    let start = world.now
    let fate = Fate.draw(in: stage)
    await pause(
      world.draw(.milliseconds(1)...(world.happens(0.03) ? .seconds(20) : .milliseconds(90)))
    )
    if fate == .noConnection { return report(.unsent(.noConnection("refused")), start) }
    guard mayStillSend() else { return report(.unsent(.leaseLost), start) }
    stage.handOver(call, host)
    api.arrived(call)
    let sent = world.now
    if let refusal = refusal(of: call, fate) {
      await pause(world.draw(.milliseconds(1)...(.milliseconds(300))))
      return report(.rejected(refusal), start)
    }
    let answerAt = schedule(call, fate, sent: sent)
    try? await world.sleep(until: min(answerAt, sent + timeout.nanoseconds))
    let isLate = world.now >= sent + timeout.nanoseconds
    if Task.isCancelled || isLate && (answerAt > world.now || world.happens(0.5)) {
      return report(.unknown(.timeout), start)
    }
    return report(outcome(call, fate), start)
  }

  /// Sees to it that codes are made, whatever becomes of the host.
  /// - Returns: When the answer comes.
  private func schedule(_ call: Call, _ fate: Fate, sent: Int64) -> Int64 {
    let number = fate.number(of: call.size, &world.random)
    let never = Int64.max
    let made: Int64
    let answered: Int64
    switch fate {
    case .hangs: return never
    case .generatesAfterHangUp:
      made = sent + world.draw(timeout...(timeout + settle - .milliseconds(1)))
      answered = never
    case .slow:
      made = sent + world.draw(.zero...timeout)
      answered = made + world.draw(.zero...(.seconds(10)))
    default:
      made = sent + world.draw(.milliseconds(1)...(.milliseconds(400)))
      answered = made + world.draw(.milliseconds(1)...(.milliseconds(400)))
    }
    if number > 0 {
      let api = api
      let isBad = fate == .unstorable
      world.at(made) {
        api.make(number, for: call.id, of: call.reward, prefix: call.prefix, bad: isBad)
      }
    }
    return answered
  }

  private func refusal(of call: Call, _ fate: Fate) -> Rejection? {
    func rejection(_ scope: Rejection.Scope, _ status: Int) -> Rejection {
      Rejection(scope: scope, status: status, code: "http_\(status)", message: "refused")
    }
    if api.keyRefusedUntil > world.now { return rejection(.credentials, 401) }
    if api.missing.contains(call.reward) { return rejection(.request, 404) }
    if api.rewardRefusedUntil[call.reward] ?? 0 > world.now { return rejection(.forbidden, 403) }
    return fate == .throttled ? rejection(.pace(pause: .seconds(3)), 429) : nil
  }

  private func outcome(_ call: Call, _ fate: Fate) -> CallOutcome {
    let made = api.made(by: call)
    var shown = made
    var nulls = 0
    switch fate {
    case .resetBefore, .resetAfter: return .unknown(.connectionLost("reset"))
    case .failsBefore, .failsAfter, .partial:
      return .unknown(.status(500, code: "http_500", message: "failed"))
    case .nulls:
      shown.removeLast()
      nulls = 1
    case .keepsBack: shown.removeFirst(Int.random(in: 0...shown.count, using: &world.random))
    case .doubled: if let last = shown.last { shown = shown.dropFirst() + [last] }
    case .foreign:
      let others = api.codes.keys.sorted().filter { $0 != call.reward }
      if let other = others.first, let code = api.codes[other]?.last?.code { shown.append(code) }
    case .works, .noConnection, .hangs, .generatesAfterHangUp, .short, .long, .throttled,
      .unstorable, .slow:
      break
    }
    return .issued(Answer(codes: shown, nulls: nulls, body: Array("body".utf8)))
  }

  func checkTeam() async -> TeamAnswer {
    await pause(world.draw(.milliseconds(1)...(.milliseconds(90))))
    return api.keyRefusedUntil > world.now
      ? .refused(code: "http_401", message: "refused") : .accepted
  }

  func pause(_ nanoseconds: Int64) async {
    try? await world.sleep(until: world.now + nanoseconds)
  }

  private func report(_ outcome: CallOutcome, _ start: Int64) -> CallReport {
    CallReport(outcome: outcome, httpStatus: nil, duration: .nanoseconds(world.now - start))
  }
}
