extension DoubtDecision {
  /// What the verdicts on a case decide; pools that are open stay in doubt.
  public init(_ doubt: DoubtCase, _ verdicts: [(pool: CallPool, verdict: Verdict)]) {
    self.init(reward: doubt.reward, judged: doubt.calls.map(\.call.id))
    for (pool, verdict) in verdicts {
      switch verdict {
      case .open:
        break
      case .decided(let adopted, let absent):
        self.adopted += adopted
        self.absent += absent.map(\.id)
      case .held(let reason, let strays):
        held += pool.calls.map(\.call.id)
        holdReason = reason
        self.strays += strays
      }
    }
  }
}
