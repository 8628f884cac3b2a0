/// What shall become of the doubtful calls of a reward; those not named stay in doubt.
public struct DoubtDecision: Hashable, Sendable {
  /// The reward.
  public let reward: RewardID
  /// The calls that were judged: the decision is void if they are not those in doubt any more.
  public let judged: [CallID]
  /// Calls that were found, with their codes.
  public var adopted: [Adoption] = []
  /// Calls judged not to have happened.
  public var absent: [CallID] = []
  /// Calls that a person has to decide.
  public var held: [CallID] = []
  /// Why.
  public var holdReason: HoldReason?
  /// Codes that could be theirs.
  public var strays: [IssuedCode] = []

  /// A decision that decides nothing yet.
  public init(reward: RewardID, judged: [CallID]) {
    self.reward = reward
    self.judged = judged
  }

  /// Whether it decides anything.
  public var isEmpty: Bool { adopted.isEmpty && absent.isEmpty && held.isEmpty }
}

/// What became of a decision.
public enum DecisionAnswer: Hashable, Sendable {
  /// It is recorded, and brought these jobs to their end.
  case done(ended: [EndedJob])
  /// The facts it was made on have changed, and nothing was recorded: begin anew.
  case changed

  /// Whether it is recorded.
  public var isDone: Bool {
    switch self {
    case .done: true
    case .changed: false
    }
  }
}
