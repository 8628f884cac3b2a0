/// What all calls of one sandbox share.
struct SandboxCore: Sendable {
  let key: String?
  let latency: LatencyDice
  let limit: RateLimit?
  let store: CodeStore
  let log: RequestLog
  let dice: FaultDice
  let time: SandboxTime
  let body: AnswerBody

  init(_ configuration: SandboxConfiguration, time: SandboxTime) {
    key = configuration.apiKey?.text
    latency = LatencyDice(configuration.latency, seed: configuration.seed)
    limit = configuration.requestsPerSecond.map(RateLimit.init)
    store = CodeStore(configuration, time: time)
    log = RequestLog()
    dice = FaultDice(configuration.faults, seed: configuration.seed)
    self.time = time
    body = AnswerBody(writer: CodeWriter(derivation: store.derivation))
  }

  var truth: SandboxTruth { SandboxTruth(store: store, log: log) }

  /// How the codes in an answer are to be shown, nil for as they are.
  func disguise(_ decision: FaultDecision, of reward: UUIDBits) -> Disguise? {
    guard decision.changes != FaultDecision.Changes() else { return nil }
    let strangers = decision.changes.foreign + decision.changes.foreignInstead
    return Disguise(
      changes: decision.changes,
      foreign: strangers > 0 ? store.foreignCodes(strangers, otherThan: reward) : nil
    )
  }
}
