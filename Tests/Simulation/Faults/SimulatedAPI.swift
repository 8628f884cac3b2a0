import MemoryStore
import Provisioning

/// The vendor's side: what codes there really are, and for whom they were made.
final class SimulatedAPI: @unchecked Sendable {
  /// A code as it exists upstream.
  struct Made {
    let code: IssuedCode
    /// The call that it was made for; nil if somebody else asked for it.
    let call: CallID?
    let at: Int64
  }

  /// All codes of a reward, in the order in which they were made.
  private(set) var codes: [RewardID: [Made]] = [:]
  /// The call that each code was made for, as far as it was one of ours.
  private(set) var maker: [CodeID: CallID] = [:]
  /// Codes in whose place a listing shows a null.
  var nulls: Set<CodeID> = []
  /// Calls whose body has arrived.
  private(set) var handedOver: Set<CallID> = []
  /// Nobody is let in until then.
  var keyRefusedUntil: Int64 = 0
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
    if !handedOver.insert(call.id).inserted {
      stage.world.fail("call \(call.id.short) was sent twice")
    }
  }

  /// Makes codes now.
  @discardableResult
  func make(
    _ number: Int,
    for call: CallID?,
    of reward: RewardID,
    prefix: String?,
    bad: Bool = false
  )
    -> [IssuedCode]
  {
    let (world, chaos) = (stage.world, stage.chaos)
    let instant = stage.apiClock / 1000
    let created = instant - instant % chaos.clockResolution
    let made = (0..<number).map { place in
      lastSerial += 1
      var text = "\(chaos.isPrefixLiteral ? prefix ?? "" : "V-")\(lastSerial)"
      if bad, place == 0 { text += "\u{0}" }
      let code = IssuedCode(
        id: CodeID(UniqueID(random: &world.random)),
        reward: reward,
        code: text,
        status: "available",
        createdAt: Timestamp(microseconds: created),
        expiresAt: nil,
        updatedAt: nil,
        externalIDs: Array("{}".utf8),
        syncStatus: .none
      )
      return Made(code: code, call: call, at: world.now)
    }
    codes[reward, default: []] += made
    let areAllNull = world.happens(chaos.codeIsNull)
    for code in made.map(\.code.id) {
      maker[code] = call
      if areAllNull || world.happens(chaos.codeIsNull) { showNull(for: code) }
    }
    world.note("API makes \(number) for \(call?.short ?? "somebody else")")
    if let call { stage.made(made.map(\.code.id), for: call) } else { stage.rivals += number }
    return made.map(\.code)
  }

  /// A listing shows a null in the place of a code, for long enough that its call is held for it.
  private func showNull(for code: CodeID) {
    nulls.insert(code)
    stage.world.at(stage.world.now + stage.world.draw(.seconds(60)...(.seconds(120)))) { [self] in
      nulls.remove(code)
    }
  }

  /// What a call has made so far.
  func made(by call: Call) -> [IssuedCode] {
    (codes[call.reward] ?? []).filter { $0.call == call.id }.map(\.code)
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
