import MemoryStore
import Provisioning

/// The vendor's side: what codes there really are, and for whom they were made.
final class SimulatedAPI: @unchecked Sendable {
  /// A code as it exists upstream.
  struct Made {
    /// As an answer shows it.
    let code: IssuedCode
    /// As a list shows it.
    let listed: IssuedCode
    /// The call that it was made for; nil if somebody else asked for it.
    let call: CallID?
    let at: Int64
    /// The same by the clock of the machine that made it, in microseconds.
    let created: Int64
  }

  /// All codes of a reward, in the order in which they were made.
  private(set) var codes: [RewardID: [Made]] = [:]
  /// Every code by its id.
  private(set) var all: [CodeID: Made] = [:]
  /// Codes in whose place a listing shows a null.
  var nulls: Set<CodeID> = []
  /// Codes that a listing leaves out for ever.
  private(set) var hidden: Set<CodeID> = []
  /// Calls whose body has arrived.
  private(set) var handedOver: [CallID: Call] = [:]
  /// Those of them that wait for their answers.
  private var unanswered: Set<CallID> = []
  /// Calls that get the answer of another one.
  private var swapped: [CallID: CallID] = [:]
  /// The call of the last 201 of a reward.
  private var lastAnswered: [RewardID: CallID] = [:]
  /// Nobody is let in until then.
  var keyRefusedUntil: Int64 = 0
  /// No connection can be had until then.
  var isDownUntil: Int64 = 0
  /// A reward that is refused until then.
  var rewardRefusedUntil: [RewardID: Int64] = [:]
  /// A reward whose list is refused until then.
  var unlistableUntil: [RewardID: Int64] = [:]
  /// No list can be had until then.
  var listFailsUntil: Int64 = 0
  /// A reward that does not exist.
  var missing: Set<RewardID> = []
  private var lastSerial = 0

  let stage: Stage

  init(_ stage: Stage) {
    self.stage = stage
  }

  func arrived(_ call: Call) {
    if handedOver.updateValue(call, forKey: call.id) != nil {
      stage.world.fail("call \(call.id.short) was sent twice")
    }
    unanswered.insert(call.id)
  }

  /// Makes codes now.
  func make(
    _ number: Int,
    for call: CallID?,
    of reward: RewardID,
    prefix: String?,
    bad: Bool = false
  ) {
    let (world, chaos) = (stage.world, stage.chaos)
    let created = stage.readAPIClock() / 1000
    let made = (0..<number).map { place in
      code(
        of: reward,
        prefix: prefix,
        suffix: bad && place == 0 ? "\u{0}" : "",
        for: call,
        created: created,
        at: world.now
      )
    }
    add(made, to: reward)
    let areAllNull = world.happens(chaos.codeIsNull)
    for code in made.map(\.code.id) {
      if areAllNull || world.happens(chaos.codeIsNull) { showNull(for: code) }
      if world.happens(chaos.codeIsHidden) { hidden.insert(code) }
    }
    world.note("API makes \(number) for \(call?.short ?? "somebody else")")
    if let call {
      stage.made(made.map(\.code.id), for: call)
    } else {
      stage.foreign(number, reward)
    }
  }

  /// Makes codes by hand, so long ago.
  func makeOld(_ number: Int, of reward: RewardID, prefix: String?, ago: Duration) {
    let at = stage.world.now - ago.nanoseconds
    let created = (stage.readAPIClock() - ago.nanoseconds) / 1000
    add(
      (0..<number).map {
        code(
          of: reward,
          prefix: prefix,
          for: nil,
          created: created + Int64($0) * 1_000_000,
          at: at + Int64($0) * 1_000_000_000
        )
      },
      to: reward
    )
    stage.world.note("\(reward.short) has \(number) old codes")
  }

  private func add(_ made: [Made], to reward: RewardID) {
    codes[reward, default: []] += made
    for made in made { all[made.code.id] = made }
  }

  private func code(
    of reward: RewardID,
    prefix: String?,
    suffix: String = "",
    for call: CallID?,
    created: Int64,
    at: Int64
  ) -> Made {
    let nature = stage.nature
    lastSerial += 1
    let text = nature.text(lastSerial, prefix: prefix, of: reward) + suffix
    let id = CodeID(UniqueID(random: &stage.world.random))
    func shown(_ text: String, _ created: Timestamp?) -> IssuedCode {
      IssuedCode(
        id: id,
        reward: reward,
        code: text,
        status: "available",
        createdAt: created,
        expiresAt: nil,
        updatedAt: nil,
        externalIDs: Array("{}".utf8),
        syncStatus: .none
      )
    }
    return Made(
      code: shown(text, nature.answerClock.shown(created)),
      listed: shown(nature.listed(text, of: reward), nature.listClock.shown(created)),
      call: call,
      at: at,
      created: created
    )
  }

  /// A listing shows a null in the place of a code, for long enough that its call is held for it.
  private func showNull(for code: CodeID) {
    nulls.insert(code)
    stage.world.at(stage.world.now + stage.world.draw(.seconds(60)...(.seconds(120)))) { [self] in
      nulls.remove(code)
    }
  }

  /// What a call has made so far.
  func made(by call: CallID, of reward: RewardID) -> [IssuedCode] {
    (codes[reward] ?? []).filter { $0.call == call }.map(\.code)
  }

  /// What a 201 to this call shows if nothing is kept back: what it made, or what another call did.
  func answer(to call: Call) -> [IssuedCode] {
    unanswered.remove(call.id)
    lastAnswered[call.reward] = call.id
    return made(by: swapped[call.id] ?? call.id, of: call.reward)
  }

  /// A 201 comes to a call that was another one's, which has made its codes; the other one gets this
  /// one's.
  func swap(_ call: Call) {
    let others = unanswered.filter {
      $0 != call.id && swapped[$0] == nil && handedOver[$0]?.reward == call.reward
        && !made(by: $0, of: call.reward).isEmpty
    }
    guard swapped[call.id] == nil, let other = others.min() else { return }
    stage.world.note("the answers of \(call.id.short) and \(other.short) are swapped")
    stage.swap(call.id, other)
    swapped[call.id] = other
    swapped[other] = call.id
  }

  /// What the previous 201 of a reward showed if nothing was kept back, and the call that had made it.
  func previousAnswer(of reward: RewardID) -> (maker: CallID, codes: [IssuedCode])? {
    guard let answered = lastAnswered[reward] else { return nil }
    let maker = swapped[answered] ?? answered
    return (maker, made(by: maker, of: reward))
  }

  /// No answer comes to a call any more.
  func hungUp(_ call: CallID) {
    unanswered.remove(call)
  }
}

extension CallID {
  /// Enough of it to tell it from others in a log.
  var short: String { String(description.prefix(8)) }
}

extension RewardID {
  /// What tells the few rewards of a simulation apart.
  var short: String { "r" + description.suffix(1) }
}
