public import Provisioning

/// What a producer inserts.
public struct JobOrder: Hashable, Sendable {
  /// The reward that codes are asked of.
  public var reward: RewardID
  /// How many codes.
  public var count: Int
  /// What the codes shall begin with.
  public var prefix: String?
  /// 0 goes first.
  public var priority: Int
  /// How long after the insertion the job is due.
  public var delay: Duration

  /// An order for codes.
  public init(
    reward: RewardID,
    count: Int,
    prefix: String? = nil,
    priority: Int = Bounds.defaultPriority,
    delay: Duration = .zero
  ) {
    self.reward = reward
    self.count = count
    self.prefix = prefix
    self.priority = priority
    self.delay = delay
  }
}
