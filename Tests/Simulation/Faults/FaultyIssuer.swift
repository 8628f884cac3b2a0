import Provisioning

/// The API as one host reaches it.
struct FaultyIssuer: CodeIssuer {
  let api: SimulatedAPI
  let host: Host
  let timeout: Duration
  let listingGap: Duration

  var stage: Stage { api.stage }
  var world: World { api.stage.world }

  func generate(_ call: Call, mayStillSend: @escaping @Sendable () -> Bool) async -> CallReport {
    let start = world.now
    let isLastMoment = world.happens(stage.chaos.lastMoment)
    let fate = isLastMoment ? Fate(ending: .silence) : Fate.draw(in: stage)
    if isLastMoment {
      await hesitate(call)
    } else {
      await pause(
        world.draw(.milliseconds(1)...(world.happens(0.03) ? .seconds(20) : .milliseconds(90)))
      )
    }
    if api.isDownUntil > world.now {
      return report(.unsent(.noConnection("no route")), start)
    }
    if case .noConnection = fate.ending {
      return report(.unsent(.noConnection("refused")), start)
    }
    guard mayStillSend() else {
      host.isCutOff = false
      return report(.unsent(.leaseLost), start)
    }
    stage.handOver(call, host)
    api.arrived(call)
    if isLastMoment {
      make(call, .all, at: world.now + (timeout + listingGap - .milliseconds(1)).nanoseconds)
      stage.crew?.kill(host, backAfter: .seconds(1))
      // Nothing of a dead host runs after this.
      await pause(1)
      return report(.unknown(.timeout), start)
    }
    return await answer(call, fate, start)
  }

  private func answer(_ call: Call, _ fate: Fate, _ start: Int64) async -> CallReport {
    let sent = world.now
    defer { api.hungUp(call.id) }
    if let refusal = refusal(of: call, fate) {
      await pause(world.draw(.milliseconds(1)...(.milliseconds(300))))
      return report(.rejected(refusal), start)
    }
    let made = sent + delay(fate.moment)
    make(call, fate.making, at: made, bad: fate.ending.isUnstorable)
    if case .silence = fate.ending {
      try? await world.sleep(until: sent + timeout.nanoseconds)
      return report(.unknown(.timeout), start)
    }
    let answered =
      fate.moment == .soon || fate.moment == .slowly
      ? made + world.draw(.milliseconds(1)...(.milliseconds(400)))
      : sent + world.draw(.milliseconds(1)...(.seconds(3)))
    let end = sent + timeout.nanoseconds
    try? await world.sleep(until: min(answered, end))
    // A host that was stopped finds an answer that came in time, or has hung up.
    if Task.isCancelled || answered > end || world.now > end && world.happens(0.5) {
      return report(.unknown(.timeout), start)
    }
    return report(outcome(call, fate), start)
  }

  /// Sees to it that codes are made, whatever becomes of the host.
  private func make(_ call: Call, _ making: Fate.Making, at time: Int64, bad: Bool = false) {
    let number = Fate(making: making).number(of: call.size, &world.random)
    stage.expects(number, of: call)
    guard number > 0 else { return }
    if bad { stage.expectsUnstorable(of: call) }
    let (api, world) = (api, world)
    world.at(time) {
      api.make(number, for: call.id, of: call.reward, prefix: call.prefix, bad: bad)
      guard world.happens(api.stage.chaos.rivalEcho) else { return }
      let others = world.happens(0.5) ? call.size : Int.random(in: 1...6, using: &world.random)
      world.at(world.now + world.draw(.zero...(.seconds(3)))) {
        api.make(others, for: nil, of: call.reward, prefix: call.prefix)
      }
    }
  }

  /// From the moment of sending until codes are made.
  private func delay(_ moment: Fate.Moment) -> Int64 {
    switch moment {
    case .soon: world.draw(.milliseconds(1)...(.milliseconds(400)))
    case .slowly: world.draw(.zero...timeout)
    case .afterHangUp: world.draw(timeout...(timeout + listingGap - .milliseconds(1)))
    case .tooLate:
      world.draw(timeout + listingGap...(world.happens(0.5) ? .seconds(200) : .seconds(6 * 3600)))
    }
  }

  /// Waits with the connection until the lease has almost run out, while nobody on this host can
  /// renew it.
  private func hesitate(_ call: Call) async {
    world.note("\(host.name) is cut off from the database")
    host.isCutOff = true
    let end = stage.leaseEnd(of: call) ?? world.now
    try? await world.sleep(until: end - world.draw(.milliseconds(1)...(.milliseconds(300))))
  }

  private func refusal(of call: Call, _ fate: Fate) -> Rejection? {
    if api.keyRefusedUntil > world.now { return Fate.rejection(.credentials, 401) }
    if api.missing.contains(call.reward) { return Fate.rejection(.request, 404) }
    if api.rewardRefusedUntil[call.reward] ?? 0 > world.now {
      return Fate.rejection(.forbidden, 403)
    }
    if case .refused(let rejection) = fate.ending { return rejection }
    return nil
  }

  private func outcome(_ call: Call, _ fate: Fate) -> CallOutcome {
    switch fate.ending {
    case .broken(let reason): return .unknown(reason)
    case .noConnection, .silence, .refused: return .unknown(.timeout)
    case .answered(let showing):
      // What an API makes beyond the size of a call and does not show, nobody can suspect.
      let (codes, nulls) = shown(to: call, fate.making == .more ? .plain : showing)
      return .issued(Answer(codes: codes, nulls: nulls, body: Array("body".utf8)))
    }
  }

  /// What an answer shows of the codes that were made.
  private func shown(to call: Call, _ showing: Fate.Showing) -> ([IssuedCode], Int) {
    if showing != .plain { stage.veiled.insert(call.reward) }
    let previous = api.previousAnswer(of: call.reward)
    if showing == .swapped { api.swap(call) }
    let made = api.answer(to: call)
    var shown = made
    switch showing {
    case .plain, .unstorable, .swapped: break
    case .replayed, .collapsed:
      stage.replay(of: previous?.maker, to: call)
      shown = previous?.codes ?? made
    case .known:
      stage.replay(of: previous?.maker, to: call)
      let known = (previous?.codes ?? []).prefix(.random(in: 0...made.count, using: &world.random))
      shown = Array(made.dropFirst(known.count)) + known
    case .nulls:
      guard !shown.isEmpty else { break }
      shown.removeLast()
      return (shown, 1)
    case .keepsBack: shown.removeFirst(Int.random(in: 0...shown.count, using: &world.random))
    case .doubled:
      guard let last = shown.last else { break }
      shown = shown.dropFirst(Int.random(in: 0...1, using: &world.random)) + [last]
    case .foreign:
      let others = api.codes.keys.sorted().filter { $0 != call.reward }
      if let other = others.first, let code = api.codes[other]?.last?.code { shown.append(code) }
    }
    return (shown, 0)
  }

  func checkTeam() async -> Paced<TeamAnswer> {
    await pause(world.draw(.milliseconds(1)...(.milliseconds(90))))
    if api.isDownUntil > world.now || world.happens(stage.chaos.listFails) {
      return Paced(.unreachable("timeout"))
    }
    return Paced(
      api.keyRefusedUntil > world.now
        ? .refused(code: "http_401", message: "refused") : .accepted
    )
  }

  func pause(_ nanoseconds: Int64) async {
    try? await world.sleep(until: world.now + nanoseconds)
  }

  private func report(_ outcome: CallOutcome, _ start: Int64) -> CallReport {
    CallReport(outcome: outcome, httpStatus: nil, duration: .nanoseconds(world.now - start))
  }
}

extension Fate.Ending {
  /// Whether the answer holds what no database takes.
  fileprivate var isUnstorable: Bool {
    if case .answered(.unstorable) = self { true } else { false }
  }
}
